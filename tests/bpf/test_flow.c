// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How flows open and close and what they are called,
 * by tables of packets through the loaded programs. Tests named fault_N are
 * faults of PEERS.md.
 */
#include "scenario.h"

/* --- opening ------------------------------------------------------------------------ */

static const struct scenario opening[] = {
	{ "opening_due_to_syn_ack", .flows = 1,
	  .steps = STEPS(
		  OUT(0, syn(CLIENT, SERVER, 1000)),
		  IN(MS(20), synack(SERVER, CLIENT, 5000, 1000), OPENING(SYN_ACK, SERVER, CLIENT)),
		  OUT(MS(20), ack(CLIENT, SERVER, 1020, 5000)),
		  IN(MS(40), ack(SERVER, CLIENT, 5020, 1020))) },

	{ "opening_due_to_syn_ack_of_this_side", .flows = 1,
	  .steps = STEPS(IN(0, syn(SERVER, CLIENT, 1000)),
			 OUT(MS(20), synack(CLIENT, SERVER, 5000, 1000),
			     OPENING(SYN_ACK, CLIENT, SERVER))) },

	{ "opening_due_to_first_observed_packet", .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
			 OUT(MS(1), data(CLIENT, SERVER, 1000, 5000)),
			 IN(MS(20), ack(SERVER, CLIENT, 5020, 1000),
			    OPENING(FIRST_PACKET, SERVER, CLIENT)),
			 IN(MS(21), ack(SERVER, CLIENT, 5020, 1000)),
			 OUT(MS(22), ack(CLIENT, SERVER, 1022, 5020))) },

	{ "opening_due_to_first_packet_of_the_client", .flows = 1,
	  .steps = STEPS(IN(0, data(SERVER, CLIENT, 5000, 1000)),
			 OUT(MS(1), ack(CLIENT, SERVER, 1001, 5000),
			     OPENING(FIRST_PACKET, CLIENT, SERVER))) },

	/* RFC 9293 section 3.5, figure 8 */
	{ "opening_due_to_syn_simultaneously", .flows = 1,
	  .steps = STEPS(
		  OUT(0, syn(CLIENT, SERVER, 1000, .seq = 1)),
		  IN(MS(10), syn(SERVER, CLIENT, 5000, .seq = 2), OPENING(SYN, SERVER, CLIENT)),
		  OUT(MS(10), synack(CLIENT, SERVER, 1010, 5000, .seq = 1)),
		  IN(MS(20), synack(SERVER, CLIENT, 5010, 1000, .seq = 2)),
		  OUT(MS(30), ack(CLIENT, SERVER, 1030, 5010))) },

	{ "opening_of_an_asymmetric_handshake", .flows = 1,
	  .steps = STEPS(IN(0, synack(SERVER, CLIENT, 5000, 1000)),
			 OUT(MS(1), ack(CLIENT, SERVER, 1001, 5000),
			     OPENING(FIRST_PACKET, CLIENT, SERVER))) },

	{ "opening_of_a_ping", .flows = 1, .stamped = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)),
			 IN(MS(20), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20)))) },

	{ "syn_repeated_is_one_flow", .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000, .seq = 7)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 7)),
			 OUT(SECONDS(3), syn(CLIENT, SERVER, 4000, .seq = 7)),
			 IN(MS(3020), synack(SERVER, CLIENT, 5000, 4000),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 OUT(MS(3021), syn(CLIENT, SERVER, 4021, .seq = 7)),
			 IN(MS(3040), synack(SERVER, CLIENT, 5020, 4021)),
			 OUT(MS(3041), ack(CLIENT, SERVER, 4041, 5020)),
			 OUT(MS(3050), syn(CLIENT, SERVER, 4021, .seq = 7)), /* an old duplicate */
			 IN(MS(3060), ack(SERVER, CLIENT, 5060, 4041))) },

	{ "nothing_is_opened_without_an_answer", .flows = 1, .stamped = 2,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 OUT(MS(1), ack(CLIENT, SERVER, 1001, 5000)),
			 OUT(MS(2), data(CLIENT, SERVER, 1002, 5000)),
			 OUT(MS(3), data(CLIENT, SERVER, 1003, 5000)),
			 OUT(MS(4), fin(CLIENT, SERVER, 1004, 5000)),
			 OUT(MS(5), rst(CLIENT, SERVER, 1005, 5000))) },

	/* RFC 9293 section 3.5.2: the RST of a closed port has no timestamps on most hosts */
	{ "refused_connection_is_nothing", .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 IN_AS(NO_TIMESTAMP, MS(20), bare(SERVER, CLIENT, RST | ACK))) },

	{ "refused_connection_with_timestamps_is_nothing", .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 IN(MS(20), rst(SERVER, CLIENT, 0, 1000))) },

	{ "refused_and_tried_again", .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000, .seq = 7)),
			 IN_AS(NO_TIMESTAMP, MS(20), bare(SERVER, CLIENT, RST | ACK)),
			 OUT(MS(500), syn(CLIENT, SERVER, 1500, .seq = 7)),
			 IN_AS(NO_TIMESTAMP, MS(520), bare(SERVER, CLIENT, RST | ACK)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 7)),
			 IN(MS(1020), synack(SERVER, CLIENT, 5000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT))) },

	{ "rst_of_an_unknown_flow_makes_no_entry",
	  .steps = STEPS(OUT(0, rst(CLIENT, SERVER, 1000, 5000)),
			 OUT_AS(NO_TIMESTAMP, MS(1), bare(CLIENT, SERVER, RST)),
			 IN_AS(NO_TIMESTAMP, MS(2), bare(SERVER, CLIENT, RST | ACK))) },

	{ "fin_of_an_unknown_flow_makes_no_entry",
	  .steps = STEPS(OUT(0, fin(CLIENT, SERVER, 1000, 5000)),
			 IN(MS(1), fin(SERVER, CLIENT, 5000, 1000)),
			 OUT_AS(NO_TIMESTAMP, MS(2), bare(CLIENT, SERVER, FIN | ACK))) },

	{ "flow_without_timestamps_makes_no_entry",
	  .steps = STEPS(OUT_AS(NO_TIMESTAMP, 0, bare(CLIENT, SERVER, SYN)),
			 IN_AS(NO_TIMESTAMP, MS(20), bare(SERVER, CLIENT, SYN | ACK)),
			 OUT_AS(NO_TIMESTAMP, MS(21), bare(CLIENT, SERVER, ACK, .payload = 100)),
			 IN_AS(NO_TIMESTAMP, MS(40), bare(SERVER, CLIENT, ACK))) },
};

/* --- closing ------------------------------------------------------------------------- */

static const struct scenario closing[] = {
	{ "closing_due_to_the_second_fin", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
		  IN(MS(50), ack(SERVER, CLIENT, 5050, 1030)),
		  IN(MS(60), fin(SERVER, CLIENT, 5060, 1030), CLOSING(FIN, SERVER, CLIENT, SRC)),
		  OUT(MS(61), ack(CLIENT, SERVER, 1061, 5060))) },

	{ "closing_due_to_fin_from_dest", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, IN(MS(30), fin(SERVER, CLIENT, 5030, 1020)),
		  OUT(MS(31), fin(CLIENT, SERVER, 1031, 5030), CLOSING(FIN, SERVER, CLIENT, DEST)),
		  IN(MS(51), ack(SERVER, CLIENT, 5051, 1031))) },

	{ "closing_simultaneously", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
		  IN(MS(31), fin(SERVER, CLIENT, 5031, 1020), CLOSING(FIN, SERVER, CLIENT, SRC)),
		  OUT(MS(32), ack(CLIENT, SERVER, 1032, 5031)),
		  IN(MS(51), ack(SERVER, CLIENT, 5051, 1030))) },

	{ "a_fin_repeated_is_one_fin", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
		  OUT(MS(230), fin(CLIENT, SERVER, 1230, 5000)),
		  OUT(MS(630), fin(CLIENT, SERVER, 1630, 5000)),
		  IN(MS(650), fin(SERVER, CLIENT, 5650, 1630), CLOSING(FIN, SERVER, CLIENT, SRC)),
		  IN(MS(850), fin(SERVER, CLIENT, 5850, 1630))) },

	{ "closing_due_to_rst", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE,
		  OUT(MS(30), rst(CLIENT, SERVER, 1030, 5000), CLOSING(RST, SERVER, CLIENT, DEST)),
		  OUT(MS(31), rst(CLIENT, SERVER, 1031, 5000)),
		  IN(MS(50), rst(SERVER, CLIENT, 5050, 1030))) },

	{ "closing_due_to_rst_from_src", .flows = 1,
	  .steps = STEPS(HANDSHAKE, IN(MS(30), rst(SERVER, CLIENT, 5030, 1020),
				       CLOSING(RST, SERVER, CLIENT, SRC))) },

	{ "fault_7_rst_without_timestamps", .flows = 1,
	  .steps = STEPS(HANDSHAKE, IN_AS(NO_TIMESTAMP, MS(30), bare(SERVER, CLIENT, RST),
					  CLOSING(RST, SERVER, CLIENT, SRC))) },

	{ "fault_7_fins_without_timestamps", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT_AS(NO_TIMESTAMP, MS(30), bare(CLIENT, SERVER, FIN | ACK)),
			 IN_AS(NO_TIMESTAMP, MS(50), bare(SERVER, CLIENT, FIN | ACK),
			       CLOSING(FIN, SERVER, CLIENT, SRC))) },

	{ "fault_7_one_fin_without_timestamps", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
			 IN_AS(NO_TIMESTAMP, MS(50), bare(SERVER, CLIENT, FIN | ACK),
			       CLOSING(FIN, SERVER, CLIENT, SRC))) },

	{ "rst_after_a_fin", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
		  IN(MS(50), rst(SERVER, CLIENT, 5050, 1030), CLOSING(RST, SERVER, CLIENT, SRC)),
		  IN(MS(51), fin(SERVER, CLIENT, 5051, 1030))) },

	{ "half_closed_goes_on", .flows = 1, .stamped = 2,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
		  IN(MS(50), data(SERVER, CLIENT, 5050, 1030)),
		  OUT(MS(52), ack(CLIENT, SERVER, 1052, 5050), RTT(MS(2), MS(2))),
		  CLEAN(SECONDS(200)), IN(SECONDS(200), data(SERVER, CLIENT, 205000, 1052)),
		  OUT(SECONDS(200) + MS(3), ack(CLIENT, SERVER, 201003, 205000), RTT(MS(3), MS(2))),
		  IN(SECONDS(201), fin(SERVER, CLIENT, 206000, 201003),
		     CLOSING(FIN, SERVER, CLIENT, SRC))) },

	{ "last_ack_is_an_rtt", .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), fin(SERVER, CLIENT, 5050, 1030, .payload = 200),
			    CLOSING(FIN, SERVER, CLIENT, SRC)),
			 OUT(MS(54), ack(CLIENT, SERVER, 1054, 5050), RTT(MS(4), MS(4)))) },

	{ "last_fin_is_an_rtt", .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000, .payload = 200)),
			 IN(MS(50), fin(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)),
			    CLOSING(FIN, SERVER, CLIENT, SRC))) },

	{ "stragglers_open_nothing", .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), fin(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(50), fin(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)),
			    CLOSING(FIN, SERVER, CLIENT, SRC)),
			 OUT(MS(51), ack(CLIENT, SERVER, 1051, 5050)),
			 OUT(MS(52), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(250), fin(SERVER, CLIENT, 5250, 1030)),
			 OUT(MS(251), ack(CLIENT, SERVER, 1251, 5250)),
			 IN_AS(NO_TIMESTAMP, MS(260), bare(SERVER, CLIENT, RST)),
			 OUT(SECONDS(4), rst(CLIENT, SERVER, 5000, 5250)), CLEAN(MS(4500)),
			 IN(SECONDS(5), ack(SERVER, CLIENT, 9000, 1251))) },

	{ "closed_entries_go_silently", .stamped = 0, .flows = 0,
	  .steps = STEPS(
		  HANDSHAKE,
		  OUT(MS(30), rst(CLIENT, SERVER, 1030, 5000), CLOSING(RST, SERVER, CLIENT, DEST)),
		  CLEAN(SECONDS(6)),
		  /* and nothing that belongs to the closed flow brings one back */
		  IN(SECONDS(7), rst(SERVER, CLIENT, 5050, 1030)),
		  IN(SECONDS(8), fin(SERVER, CLIENT, 5060, 1030))) },

	/* an RST that the hosts don't believe (RFC 5961): the flow goes on, so does measuring */
	{ "measured_again_after_a_spoofed_rst", .flows = 1, .stamped = 2,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 IN_AS(NO_TIMESTAMP, MS(100), bare(SERVER, CLIENT, RST),
			       CLOSING(RST, SERVER, CLIENT, SRC)),
			 OUT(SECONDS(1), ack(CLIENT, SERVER, 2000, 5050)),
			 OUT(SECONDS(7), ack(CLIENT, SERVER, 8000, 5050)),
			 OUT(SECONDS(8), data(CLIENT, SERVER, 9000, 5050)),
			 IN(MS(8020), ack(SERVER, CLIENT, 13020, 9000),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(20), MS(20))),
			 OUT(SECONDS(9), rst(CLIENT, SERVER, 10000, 13020),
			     CLOSING(RST, SERVER, CLIENT, DEST))) },
};

/* --- a tuple used again ------------------------------------------------------------------ */

static const struct scenario reuse[] = {
	{ "fault_7_reuse_while_open", .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE,
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 99),
			     CLOSING(SYN, SERVER, CLIENT, DEST)),
			 IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 OUT(MS(1021), data(CLIENT, SERVER, 2021, 6000)),
			 IN(MS(1051), ack(SERVER, CLIENT, 6031, 2021), RTT(MS(30), MS(30)))) },

	{ "fault_7_reuse_while_half_closed", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 99),
			     CLOSING(SYN, SERVER, CLIENT, DEST)),
			 IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 /* and the old FIN is forgotten */
			 IN(MS(1100), fin(SERVER, CLIENT, 6100, 2000)),
			 OUT(MS(1101), fin(CLIENT, SERVER, 2101, 6100),
			     CLOSING(FIN, SERVER, CLIENT, DEST))) },

	{ "fault_7_reuse_while_the_other_half_is_closed", .flows = 1,
	  .steps = STEPS(HANDSHAKE, IN(MS(30), fin(SERVER, CLIENT, 5030, 1020)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 99),
			     CLOSING(SYN, SERVER, CLIENT, DEST)),
			 IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT))) },

	{ "fault_7_reuse_of_a_flow_met_in_mid_stream", .flows = 1,
	  .steps = STEPS(
		  OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
		  IN(MS(20), ack(SERVER, CLIENT, 5020, 1000),
		     OPENING(FIRST_PACKET, SERVER, CLIENT)),
		  OUT(SECONDS(1), syn(CLIENT, SERVER, 2000), CLOSING(SYN, SERVER, CLIENT, DEST)),
		  IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
		     OPENING(SYN_ACK, SERVER, CLIENT))) },

	{ "fault_7_reuse_the_other_way_round", .flows = 1,
	  .steps = STEPS(HANDSHAKE,
			 IN(SECONDS(1), syn(SERVER, CLIENT, 6000, .seq = 5),
			    CLOSING(SYN, SERVER, CLIENT, SRC)),
			 OUT(MS(1001), synack(CLIENT, SERVER, 2001, 6000),
			     OPENING(SYN_ACK, CLIENT, SERVER)),
			 OUT(MS(1010), rst(CLIENT, SERVER, 2010, 6000),
			     CLOSING(RST, CLIENT, SERVER, SRC))) },

	/* the same ISN, but the flow is closed: it can only be another one */
	{ "reuse_after_the_close", .flows = 1, .stamped = 1,
	  .steps = STEPS(
		  HANDSHAKE,
		  OUT(MS(30), rst(CLIENT, SERVER, 1030, 5000), CLOSING(RST, SERVER, CLIENT, DEST)),
		  OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 70)),
		  IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
		     OPENING(SYN_ACK, SERVER, CLIENT)),
		  OUT(MS(1021), data(CLIENT, SERVER, 2021, 6000)),
		  IN(MS(1051), ack(SERVER, CLIENT, 6031, 2021), RTT(MS(30), MS(30)))) },

	{ "reuse_long_after_the_close", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE,
		  OUT(MS(30), rst(CLIENT, SERVER, 1030, 5000), CLOSING(RST, SERVER, CLIENT, DEST)),
		  OUT(SECONDS(60), syn(CLIENT, SERVER, 61000, .seq = 99)),
		  IN(MS(60020), synack(SERVER, CLIENT, 66000, 61000),
		     OPENING(SYN_ACK, SERVER, CLIENT))) },

	{ "reuse_of_an_unanswered_tuple", .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000, .seq = 70)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 99)),
			 IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT))) },

	/* the new flow agreed on no timestamps: the old one is closed all the same */
	{ "reuse_by_a_flow_without_timestamps", .flows = 0,
	  .steps = STEPS(HANDSHAKE,
			 OUT_AS(NO_TIMESTAMP, SECONDS(1), bare(CLIENT, SERVER, SYN, .seq = 99),
				CLOSING(SYN, SERVER, CLIENT, DEST)),
			 IN_AS(NO_TIMESTAMP, MS(1020), bare(SERVER, CLIENT, SYN | ACK)),
			 OUT_AS(NO_TIMESTAMP, MS(1021), bare(CLIENT, SERVER, ACK))) },

	{ "answers_of_the_old_flow_are_not_the_new_ones", .flows = 1, .stamped = 6,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(33), data(CLIENT, SERVER, 1033, 5000)),
			 OUT(MS(34), data(CLIENT, SERVER, 1034, 5000)), /* spilled */
			 OUT(MS(100), syn(CLIENT, SERVER, 1100, .seq = 99),
			     CLOSING(SYN, SERVER, CLIENT, DEST)),
			 IN(MS(101), ack(SERVER, CLIENT, 5101, 1030),
			    OPENING(FIRST_PACKET, SERVER, CLIENT)),
			 IN(MS(102), ack(SERVER, CLIENT, 5101, 1034)),
			 IN(MS(120), synack(SERVER, CLIENT, 6000, 1100)),
			 OUT(MS(121), data(CLIENT, SERVER, 1121, 6000)),
			 IN(MS(141), ack(SERVER, CLIENT, 6021, 1121), RTT(MS(20), MS(20)))) },

	{ "minimum_of_the_old_flow_is_not_the_new_ones", .flows = 1, .stamped = 2,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(31), ack(SERVER, CLIENT, 5031, 1030), RTT(MS(1), MS(1))),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 99),
			     CLOSING(SYN, SERVER, CLIENT, DEST)),
			 IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 OUT(MS(1021), data(CLIENT, SERVER, 2021, 6000)),
			 IN(MS(1051), ack(SERVER, CLIENT, 6031, 2021), RTT(MS(30), MS(30)))) },

	{ "syn_ack_repeated_is_no_reuse", .flows = 1,
	  .steps = STEPS(HANDSHAKE, IN(SECONDS(1), synack(SERVER, CLIENT, 6000, 1000)),
			 OUT(SECONDS(1), ack(CLIENT, SERVER, 2000, 6000))) },

	/* a SYN flood over a tuple in use closes it once, not with every SYN */
	{ "syns_of_many_isns_close_once", .flows = 1,
	  .steps = STEPS(HANDSHAKE,
			 OUT(MS(100), syn(CLIENT, SERVER, 1100, .seq = 1),
			     CLOSING(SYN, SERVER, CLIENT, DEST)),
			 OUT(MS(101), syn(CLIENT, SERVER, 1101, .seq = 2)),
			 OUT(MS(102), syn(CLIENT, SERVER, 1102, .seq = 3)),
			 OUT(MS(103), syn(CLIENT, SERVER, 1103, .seq = 4))) },
};

/* --- what a flow carried -------------------------------------------------------------- */

static const struct scenario totals[] = {
	/* the FIN that closes is counted, and what comes behind it is not */
	{ "totals_of_a_flow_closed_by_fin", .config = COUNTED, .flows = 1, .stamped = 2,
	  .steps = STEPS(
		  HANDSHAKE4, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
		  IN(MS(50), data(SERVER, CLIENT, 5050, 1030, .ip = 4),
		     RTT(MS(20), MS(20), .sent = { 3, 3 * H4 + 100 }, .rec = { 2, 2 * H4 + 100 })),
		  OUT(MS(51), ack(CLIENT, SERVER, 1051, 5050, .ip = 4),
		      RTT(MS(1), MS(1), .sent = { 2, 2 * H4 + 100 }, .rec = { 4, 4 * H4 + 100 })),
		  OUT(MS(60), fin(CLIENT, SERVER, 1060, 5050, .ip = 4)),
		  IN(MS(80) + 7, fin(SERVER, CLIENT, 5080, 1060, .ip = 4),
		     CLOSING(FIN, SERVER, CLIENT, SRC, .sent = { 5, 5 * H4 + 100 },
			     .rec = { 3, 3 * H4 + 100 }, .duration = MS(80) + 7, .rtts = 2)),
		  OUT(MS(81), ack(CLIENT, SERVER, 1081, 5080, .ip = 4)),
		  IN(MS(90), fin(SERVER, CLIENT, 5090, 1060, .ip = 4))) },

	{ "totals_of_a_flow_closed_by_fin_ipv6", .config = COUNTED, .flows = 1,
	  .steps = STEPS(IN(0, ack(SERVER, CLIENT, 5000, 1000, .ip = 6)),
			 OUT(MS(10), ack(CLIENT, SERVER, 1010, 5000, .ip = 6),
			     OPENING(FIRST_PACKET, CLIENT, SERVER)),
			 OUT(MS(20), fin(CLIENT, SERVER, 1020, 5000, .ip = 6)),
			 IN(SECONDS(3600), fin(SERVER, CLIENT, 3605000, 1020, .ip = 6),
			    CLOSING(FIN, CLIENT, SERVER, DEST, .sent = { 2, 2 * H6 },
				    .rec = { 2, 2 * H6 }, .duration = SECONDS(3600)))) },

	{ "totals_of_a_flow_closed_by_rst", .config = COUNTED, .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE4, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
			 IN_AS(NO_TIMESTAMP, MS(40), bare(SERVER, CLIENT, RST, .ip = 4),
			       CLOSING(RST, SERVER, CLIENT, SRC, .sent = { 3, 3 * H4 + 100 },
				       .rec = { 2, H4 + 40 }, .duration = MS(40))),
			 IN_AS(NO_TIMESTAMP, MS(41), bare(SERVER, CLIENT, RST, .ip = 4))) },

	/* the RST is an answer too */
	{ "totals_with_an_rtt_of_the_last_packet", .config = COUNTED, .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE4, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
			 IN(MS(50), rst(SERVER, CLIENT, 5050, 1030, .ip = 4),
			    RTT(MS(20), MS(20), .sent = { 3, 3 * H4 + 100 }, .rec = { 2, 2 * H4 }),
			    CLOSING(RST, SERVER, CLIENT, SRC, .sent = { 3, 3 * H4 + 100 },
				    .rec = { 2, 2 * H4 }, .duration = MS(50), .rtts = 1))) },

	/* a SYN that takes the ports over is the new flow's, and so is the time before it nobody's */
	{ "totals_of_a_flow_and_of_its_successor", .config = COUNTED, .flows = 1,
	  .steps = STEPS(HANDSHAKE4, OUT(MS(33), ack(CLIENT, SERVER, 1033, 5000, .ip = 4)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000, .seq = 99, .ip = 4),
			     CLOSING(SYN, SERVER, CLIENT, DEST, .sent = { 3, 3 * H4 },
				     .rec = { 1, H4 }, .duration = MS(33))),
			 IN(MS(1020), synack(SERVER, CLIENT, 6000, 2000, .ip = 4),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 OUT(MS(1030), rst(CLIENT, SERVER, 2030, 6000, .ip = 4),
			     CLOSING(RST, SERVER, CLIENT, DEST, .sent = { 2, 2 * H4 },
				     .rec = { 1, H4 }, .duration = MS(30)))) },

	/* egress is tc in every variant: what the two super-packets hold, each with its headers */
	{ "totals_of_super_packets", .config = COUNTED, .flows = 1, .stamped = 1,
	  .steps = STEPS(HANDSHAKE4,
			 OUT(MS(30), ack(CLIENT, SERVER, 1030, 5000, .ip = 4, .payload = 3000,
					 .gso_segs = 3)),
			 OUT(MS(31), fin(CLIENT, SERVER, 1030, 5000, .ip = 4, .payload = 2000,
					 .gso_segs = 2)),
			 IN(MS(32), rst(SERVER, CLIENT, 5032, 1020, .ip = 4),
			    CLOSING(RST, SERVER, CLIENT, SRC, .sent = { 7, 7 * H4 + 5000 },
				    .rec = { 2, 2 * H4 }, .duration = MS(32)))) },

	/* sampled or not: each RTT that is found counts */
	{ "totals_of_a_sampled_flow", .flows = 1, .stamped = 2,
	  .config = { EVERYTHING, .counters = 1, .rate_limit_ns = MS(100) },
	  .steps = STEPS(HANDSHAKE4, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
			 IN(MS(40), ack(SERVER, CLIENT, 5040, 1030, .ip = 4),
			    RTT(MS(10), MS(10), .sent = { 3, 3 * H4 + 100 }, .rec = { 2, 2 * H4 })),
			 OUT(MS(50), data(CLIENT, SERVER, 1050, 5040, .ip = 4)),
			 IN(MS(60), ack(SERVER, CLIENT, 5060, 1050, .ip = 4)),
			 OUT(MS(130), data(CLIENT, SERVER, 1130, 5060, .ip = 4)),
			 IN(MS(150), rst(SERVER, CLIENT, 5150, 1130, .ip = 4),
			    RTT(MS(20), MS(10), .sent = { 5, 5 * H4 + 300 }, .rec = { 4, 4 * H4 }),
			    CLOSING(RST, SERVER, CLIENT, SRC, .sent = { 5, 5 * H4 + 300 },
				    .rec = { 4, 4 * H4 }, .duration = MS(150), .rtts = 2))) },
};

/* --- floods ----------------------------------------------------------------------------------- */

static struct packet_spec flood_packet(int i)
{
	static const __u16 flags[] = { SYN, SYN | ACK, ACK, RST | ACK, FIN | ACK, PSH | ACK };
	struct packet_spec s = segment(STRANGER, SERVER, 0, i, 0, .sport = 1000 + i, .seq = i * 7);

	s.ip = i % 2 ? 4 : 6;
	s.flags = flags[i / 2 % ARRAY_SIZE(flags)];
	s.bare = i / 12 % 4 == 3;
	if (i % 37 == 0) {
		s.l4 = ICMP;
		s.echo = REQUEST;
		s.echo_id = i;
	}
	return s;
}

/* One packet of each of many flows, of every kind: nothing to say, and no entry that the last words make. */
static void flood_emits_nothing(void)
{
	static const struct pping_config config = { EVERYTHING, .include_syn = 1 };
	struct engine *e = bpf_ready() ? engine__open_sized(&config, 65536) : NULL;
	struct pping_counters c;

	if (!e)
		return;
	for (int i = 0; i < 20000; i++) {
		struct packet_spec s = flood_packet(i);

		engine__inject(e, i % 3 ? TC_INGRESS : XDP, &s);
	}
	perf_buffer__consume(e->buffer);
	c = engine__counters(e);
	CHECK_INT(e->events, 0);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_OPENED], 0);
	CHECK_INT(c.n[PPING_COUNT_FLOWS_CLOSED], 0);
	CHECK_INT(c.n[PPING_COUNT_RTTS], 0);
	CHECK_INT(engine__flows(e, NULL), c.n[PPING_COUNT_FLOWS_CREATED]);
	engine__check_verdicts(e);
}

/* A port scan: each SYN is refused. */
static void scan_emits_nothing(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;

	if (!e)
		return;
	for (int port = 1; port < 2000; port++) {
		struct packet_spec s = syn(STRANGER, SERVER, 1000, .dport = port);
		struct packet_spec r = bare(SERVER, STRANGER, RST | ACK, .sport = port);

		engine__inject(e, TC_INGRESS, &s);
		engine__inject(e, TC_EGRESS, &r);
	}
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, 0);
	engine__check_verdicts(e);
}

/*
 * Under pressure a new flow gets its entry only with its first answer: that
 * answer still tells who is the source.
 */
static void flow_put_off_is_named_like_any_other(void)
{
	static const struct pping_config config = { EVERYTHING, .pressure_limit = 10 };
	static const struct packet_spec step[] = {
		syn(CLIENT, SERVER, 1000),	 synack(SERVER, CLIENT, 5000, 1000),
		ack(CLIENT, SERVER, 1020, 5000), data(CLIENT, SERVER, 1030, 5000),
		ack(SERVER, CLIENT, 5050, 1030),
	};
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;

	if (!e)
		return;
	for (int i = 0; i < 100; i++) {
		struct packet_spec s = syn(STRANGER, SERVER, 1, .sport = 1000 + i);

		engine__inject(e, TC_INGRESS, &s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(step); i++)
		engine__inject(e, step[i].from == CLIENT ? TC_EGRESS : TC_INGRESS, &step[i]);
	perf_buffer__consume(e->buffer);
	CHECK(engine__counters(e).n[PPING_COUNT_FLOWS_PUT_OFF] > 50);
	CHECK_INT(engine__new_flows(e), engine__counters(e).n[PPING_COUNT_FLOWS_PUT_OFF] +
						engine__counters(e).n[PPING_COUNT_FLOWS_CREATED]);
	CHECK(e->events > 0 && e->event[0].type == PPING_EVENT_FLOW);
	CHECK_INT(ntohs(e->event[0].flow.sport), 80);
}

/* What all CPUs together see counts only where pressure has a limit. */
static void pressure_that_the_host_sees(void)
{
	static const struct pping_config config[] = { { EVERYTHING, .pressure_limit = 1000 },
						      { EVERYTHING } };
	struct packet_spec first = syn(CLIENT, SERVER, 1000);
	struct packet_spec answer = synack(SERVER, CLIENT, 5000, 1000);

	for (int i = 0; bpf_ready() && i < 4; i++) {
		struct engine *e = engine__open(&config[i / 2]);
		int pressed = i % 2, waits = pressed && config[i / 2].pressure_limit;

		if (!e)
			return;
		*(volatile __u32 *)&e->shared->pressed = pressed;
		engine__inject(e, TC_EGRESS, &first);
		CHECK_INT(engine__flows(e, NULL), !waits);
		CHECK_INT(engine__counters(e).n[PPING_COUNT_FLOWS_PUT_OFF], waits);
		engine__inject(e, TC_INGRESS, &answer);
		perf_buffer__consume(e->buffer);
		CHECK_INT(engine__flows(e, NULL), 1);
		CHECK_INT(e->events, 1);
	}
}

/* Many flows at once, each opened and closed once and named as its hosts are. */
static void many_flows_one_announcement_each(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	static int opened[65536], closed[65536];

	if (!e)
		return;
	for (int i = 0; i < 1000 * 6; i++) {
		__u16 port = 20000 + i % 1000;
		struct packet_spec step[] = {
			syn(CLIENT, SERVER, 1, .sport = port, .ip = 4 + port % 2 * 2),
			synack(SERVER, CLIENT, 1, 1, .dport = port, .ip = 4 + port % 2 * 2),
			ack(CLIENT, SERVER, 2, 1, .sport = port, .ip = 4 + port % 2 * 2),
			fin(CLIENT, SERVER, 3, 1, .sport = port, .ip = 4 + port % 2 * 2),
			fin(SERVER, CLIENT, 3, 3, .dport = port, .ip = 4 + port % 2 * 2),
			ack(CLIENT, SERVER, 4, 3, .sport = port, .ip = 4 + port % 2 * 2),
		};

		engine__inject(e, TC_EGRESS, &step[i / 1000]);
	}
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, 2000);
	for (int i = 0; i < e->events; i++) {
		struct pping_event *event = &e->event[i];
		union pping_addr server = host_address(SERVER, event->flow.ip_version);

		CHECK_INT(ntohs(event->flow.sport), 80);
		CHECK(!memcmp(&event->flow.saddr, &server, sizeof(server)));
		(event->flow_event == PPING_FLOW_OPENING ? opened
							 : closed)[ntohs(event->flow.dport)]++;
	}
	for (int port = 20000; port < 21000; port++)
		CHECK(opened[port] == 1 && closed[port] == 1);
}

#define TABLE(t) scenarios_run(t, ARRAY_SIZE(t))

int main(void)
{
	TABLE(opening);
	TABLE(closing);
	TABLE(reuse);
	TABLE(totals);
	CASE(flood_emits_nothing);
	CASE(scan_emits_nothing);
	CASE(flow_put_off_is_named_like_any_other);
	CASE(pressure_that_the_host_sees);
	CASE(many_flows_one_announcement_each);
	return TEST_EXIT();
}
