// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is an RTT and what is not, by tables of packets
 * through the loaded programs. Tests named fault_N are faults of PEERS.md.
 */
#include "scenario.h"

/* --- what is stamped ------------------------------------------------------------- */

/* from another clock than the handshake's */
#define STRAY (1020u + 0x70000000u)

static const struct scenario stamping[] = {
	{ "data_is_stamped", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	{ "pure_ack_is_not_stamped", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), ack(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), data(SERVER, CLIENT, 5050, 1030)),
			 OUT(MS(60), ack(CLIENT, SERVER, 1060, 5050), RTT(MS(10), MS(10)))) },

	{ "data_of_a_tick_shown_by_a_pure_ack", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), ack(CLIENT, SERVER, 1030, 5000)),
			 OUT(US(30500), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030)),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1060), RTT(MS(20), MS(20)))) },

	{ "data_of_the_handshakes_tick", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(US(20500), data(CLIENT, SERVER, 1020, 5000)),
			 IN(MS(41), data(SERVER, CLIENT, 5000, 1020)),
			 OUT(MS(42), ack(CLIENT, SERVER, 1042, 5000))) },

	{ "first_request_after_a_handshake_seen", .stamped = 2, .flows = 1,
	  .steps = STEPS(
		  OUT(0, syn(CLIENT, SERVER, 1000)),
		  IN(MS(20), synack(SERVER, CLIENT, 5000, 1000), OPENING(SYN_ACK, SERVER, CLIENT)),
		  /* its ACK went by with the request */
		  OUT(MS(21), data(CLIENT, SERVER, 1021, 5000)),
		  IN(MS(41), data(SERVER, CLIENT, 5021, 1021), RTT(MS(20), MS(20))),
		  OUT(MS(43), ack(CLIENT, SERVER, 1043, 5021), RTT(MS(2), MS(2)))) },

	{ "mid_stream_waits_for_a_change", .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, data(CLIENT, SERVER, 1000, 5000)),
			 IN(MS(20), ack(SERVER, CLIENT, 5020, 1000),
			    OPENING(FIRST_PACKET, SERVER, CLIENT)),
			 OUT(MS(21), data(CLIENT, SERVER, 1000, 5000)),
			 OUT(MS(30), data(CLIENT, SERVER, 1030, 5020)),
			 IN(MS(41), ack(SERVER, CLIENT, 5041, 1000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	{ "mid_stream_each_direction_waits", .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
			 IN(MS(20), data(SERVER, CLIENT, 5020, 1000),
			    OPENING(FIRST_PACKET, SERVER, CLIENT)),
			 OUT(MS(22), ack(CLIENT, SERVER, 1022, 5020)),
			 IN(MS(40), data(SERVER, CLIENT, 5040, 1022)),
			 OUT(MS(43), ack(CLIENT, SERVER, 1043, 5040), RTT(MS(3), MS(3)))) },

	{ "first_ack_seen_need_not_wait", .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
			 OUT(MS(10), data(CLIENT, SERVER, 1010, 5000)),
			 IN(MS(30), ack(SERVER, CLIENT, 5030, 1010),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(20), MS(20)))) },

	{ "retransmission_with_the_same_tsval", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(230), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(250), ack(SERVER, CLIENT, 5250, 1030), RTT(MS(220), MS(220)))) },

	{ "retransmission_with_a_new_tsval", .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(230), data(CLIENT, SERVER, 1230, 5000)),
			 IN(MS(250), ack(SERVER, CLIENT, 5250, 1230), RTT(MS(20), MS(20)))) },

	{ "reordering_an_older_tsval", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1040, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1035, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1035)),
			 IN(MS(51), ack(SERVER, CLIENT, 5050, 1040), RTT(MS(21), MS(21)))) },

	{ "tsval_wraps_around", .stamped = 3, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 0xfffffff0)),
			 IN(MS(20), synack(SERVER, CLIENT, 5000, 0xfffffff0),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 OUT(MS(30), data(CLIENT, SERVER, 0xffffffff, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 0, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1, 5000)),
			 OUT(MS(33), data(CLIENT, SERVER, 0xffffffff, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 0xffffffff), RTT(MS(20), MS(20))),
			 IN(MS(52), ack(SERVER, CLIENT, 5052, 0), RTT(MS(21), MS(20))),
			 IN(MS(54), ack(SERVER, CLIENT, 5054, 1), RTT(MS(22), MS(20)))) },

	{ "tsval_far_ahead_is_newer_half_a_circle_is_not", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1020u + 0x80000000u, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1020u + 0x80000000u)),
			 OUT(MS(60), data(CLIENT, SERVER, 1020u + 0x7fffffffu, 5050)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1020u + 0x7fffffffu),
			    RTT(MS(20), MS(20)))) },

	/* a stray TSval blinds its direction for four packets, and the fifth is the first shown */
	{ "tsval_far_ahead_is_forgotten", .stamped = 3, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(25), data(CLIENT, SERVER, STRAY, 5000)),
			 OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030)),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1060)),
			 OUT(MS(90), data(CLIENT, SERVER, 1090, 5080)),
			 OUT(MS(91), data(CLIENT, SERVER, 1091, 5080)),
			 OUT(MS(92), data(CLIENT, SERVER, 1092, 5080)),
			 IN(MS(110), ack(SERVER, CLIENT, 5110, 1091)),
			 OUT(MS(120), data(CLIENT, SERVER, 1120, 5110)),
			 IN(MS(140), ack(SERVER, CLIENT, 5140, 1120), RTT(MS(20), MS(20))),
			 OUT(MS(141), data(CLIENT, SERVER, 1120, 5140)),
			 IN(MS(142), ack(SERVER, CLIENT, 5142, 1120)),
			 OUT(MS(150), data(CLIENT, SERVER, 1150, 5142)),
			 IN(MS(171), ack(SERVER, CLIENT, 5171, 1150), RTT(MS(21), MS(20)))) },

	/* the answers to the old clock's TSvals say nothing about the new one's */
	{ "clock_set_back", .stamped = 6, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(25), data(CLIENT, SERVER, STRAY, 5000)),
			 IN(MS(45), ack(SERVER, CLIENT, 5045, STRAY), RTT(MS(20), MS(20))),
			 OUT(MS(50), data(CLIENT, SERVER, 1050, 5045)),
			 OUT(MS(51), data(CLIENT, SERVER, 1051, 5045)),
			 OUT(MS(52), data(CLIENT, SERVER, 1052, 5045)),
			 OUT(MS(53), data(CLIENT, SERVER, 1053, 5045)),
			 OUT(MS(54), data(CLIENT, SERVER, 1054, 5045)),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5045)),
			 OUT(MS(61), data(CLIENT, SERVER, 1061, 5045)),
			 OUT(MS(62), data(CLIENT, SERVER, 1062, 5045)),
			 OUT(MS(63), data(CLIENT, SERVER, 1063, 5045)),
			 OUT(MS(64), data(CLIENT, SERVER, 1064, 5045)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1060), RTT(MS(20), MS(20))),
			 IN(MS(82), ack(SERVER, CLIENT, 5082, 1061), RTT(MS(21), MS(20))),
			 IN(MS(84), ack(SERVER, CLIENT, 5084, 1062), RTT(MS(22), MS(20))),
			 IN(MS(86), ack(SERVER, CLIENT, 5086, 1063), RTT(MS(23), MS(20))),
			 IN(MS(88), ack(SERVER, CLIENT, 5088, 1064), RTT(MS(24), MS(20)))) },

	{ "tsvals_far_behind_but_not_in_a_row", .stamped = 3, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(25), data(CLIENT, SERVER, STRAY, 5000)),
			 OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(33), data(CLIENT, SERVER, STRAY + 1, 5000)),
			 OUT(MS(34), data(CLIENT, SERVER, 1034, 5000)),
			 OUT(MS(35), data(CLIENT, SERVER, 1035, 5000)),
			 OUT(MS(36), data(CLIENT, SERVER, 1036, 5000)),
			 OUT(MS(37), data(CLIENT, SERVER, STRAY + 2, 5000)),
			 IN(MS(55), ack(SERVER, CLIENT, 5055, STRAY), RTT(MS(30), MS(30))),
			 IN(MS(58), ack(SERVER, CLIENT, 5058, STRAY + 1), RTT(MS(25), MS(25))),
			 IN(MS(59), ack(SERVER, CLIENT, 5059, STRAY + 2), RTT(MS(22), MS(22)))) },

	{ "late_packets_do_not_begin_anew", .stamped = 3, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 2030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(33), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(34), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(35), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(36), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(37), data(CLIENT, SERVER, 2031, 5000)),
			 OUT(MS(38), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(39), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(40), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(41), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(42), data(CLIENT, SERVER, 2030, 5000)),
			 OUT(MS(43), data(CLIENT, SERVER, 2031, 5000)),
			 OUT(MS(44), data(CLIENT, SERVER, 2044, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 2030), RTT(MS(20), MS(20))),
			 IN(MS(57), ack(SERVER, CLIENT, 5057, 2031), RTT(MS(20), MS(20))),
			 IN(MS(64), ack(SERVER, CLIENT, 5064, 2044), RTT(MS(20), MS(20)))) },

	{ "tsval_and_tsecr_of_0", .stamped = 2, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 0xfffffff0)),
			 IN(MS(20), synack(SERVER, CLIENT, 0xfffffffe, 0xfffffff0),
			    OPENING(SYN_ACK, SERVER, CLIENT)),
			 OUT(MS(21), data(CLIENT, SERVER, 0, 0xfffffffe)),
			 IN(MS(31), data(SERVER, CLIENT, 0, 0), RTT(MS(10), MS(10))),
			 OUT(MS(36), ack(CLIENT, SERVER, 5, 0), RTT(MS(5), MS(5)))) },

	/* by its sequence numbers a FIN must be answered too, but it isn't data */
	{ "fin_without_data_is_not_stamped", .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030))) },

	{ "fin_with_data_is_stamped", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), fin(CLIENT, SERVER, 1030, 5000, .payload = 10)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	{ "data_without_timestamps_is_nothing", .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE,
		  OUT_AS(NO_TIMESTAMP, MS(30), bare(CLIENT, SERVER, PSH | ACK, .payload = 100)),
		  IN_AS(NO_TIMESTAMP, MS(50), bare(SERVER, CLIENT, ACK))) },
};

/* --- what is an answer --------------------------------------------------------------- */

static const struct scenario matching[] = {
	{ "fault_5_one_answer_one_rtt", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 IN(MS(51), ack(SERVER, CLIENT, 5050, 1030)),
			 IN(MS(52), ack(SERVER, CLIENT, 5052, 1030)),
			 IN(MS(60), ack(SERVER, CLIENT, 5060, 1030, .payload = 0))) },

	{ "fault_5_also_not_after_a_later_answer", .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1060), RTT(MS(20), MS(20))),
			 IN(MS(81), ack(SERVER, CLIENT, 5050, 1030)),
			 IN(MS(82), ack(SERVER, CLIENT, 5080, 1060)),
			 OUT(MS(83), data(CLIENT, SERVER, 1030, 5080)),
			 IN(MS(90), ack(SERVER, CLIENT, 5090, 1030))) },

	{ "tsecr_without_ack_flag", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(40), segment(SERVER, CLIENT, PSH, 5000, 1030, .payload = 10)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	{ "tsecr_never_shown", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(40), ack(SERVER, CLIENT, 5040, 9999)),
			 IN(MS(41), ack(SERVER, CLIENT, 5041, 1029)),
			 IN(MS(42), ack(SERVER, CLIENT, 5042, 0)),
			 IN(MS(43), ack(SERVER, CLIENT, 5043, 0x80000406)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	/* or the slots of older identifiers would count as past answering */
	{ "tsecr_never_shown_makes_no_room", .stamped = 5, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(33), data(CLIENT, SERVER, 1033, 5000)),
			 IN(MS(34), ack(SERVER, CLIENT, 5034, 9999)),
			 OUT(MS(35), data(CLIENT, SERVER, 1035, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 IN(MS(52), ack(SERVER, CLIENT, 5051, 1031), RTT(MS(21), MS(20))),
			 IN(MS(54), ack(SERVER, CLIENT, 5052, 1032), RTT(MS(22), MS(20))),
			 IN(MS(56), ack(SERVER, CLIENT, 5053, 1033), RTT(MS(23), MS(20))),
			 IN(MS(59), ack(SERVER, CLIENT, 5054, 1035), RTT(MS(24), MS(20)))) },

	{ "fault_5_spilled_one_answer_one_rtt", .stamped = 6, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(33), data(CLIENT, SERVER, 1033, 5000)),
			 OUT(MS(34), data(CLIENT, SERVER, 1034, 5000)),
			 OUT(MS(35), data(CLIENT, SERVER, 1035, 5000)),
			 IN(MS(54), ack(SERVER, CLIENT, 5054, 1034), RTT(MS(20), MS(20))),
			 IN(MS(55), ack(SERVER, CLIENT, 5054, 1034)),
			 IN(MS(56), ack(SERVER, CLIENT, 5056, 1035), RTT(MS(21), MS(20))),
			 IN(MS(57), ack(SERVER, CLIENT, 5054, 1034)),
			 IN(MS(58), ack(SERVER, CLIENT, 5056, 1035))) },

	{ "tsecr_in_ones_own_direction", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(40), ack(CLIENT, SERVER, 1040, 1030)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	{ "delayed_ack_skips_a_tsval", .stamped = 3, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(51), ack(SERVER, CLIENT, 5051, 1031), RTT(MS(20), MS(20))),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5051)),
			 IN(MS(90), ack(SERVER, CLIENT, 5090, 1060), RTT(MS(30), MS(20)))) },

	{ "acks_out_of_order", .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(51), ack(SERVER, CLIENT, 5051, 1031), RTT(MS(20), MS(20))),
			 IN(MS(52), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(22), MS(20)))) },

	{ "both_directions_at_once", .stamped = 4, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), data(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(55), data(CLIENT, SERVER, 1055, 5050), RTT(MS(5), MS(5))),
			 IN(MS(85), data(SERVER, CLIENT, 5085, 1055), RTT(MS(30), MS(20))),
			 OUT(MS(86), ack(CLIENT, SERVER, 1086, 5085), RTT(MS(1), MS(1)))) },

	{ "data_that_cross", .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(31), data(SERVER, CLIENT, 5031, 1020)),
			 OUT(MS(32), ack(CLIENT, SERVER, 1032, 5031), RTT(MS(1), MS(1))),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20)))) },

	{ "two_flows_keep_apart", .stamped = 2, .flows = 2,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000)),
			 OUT(0, ack(CLIENT, SERVER, 1000, 5000, .sport = 81)),
			 OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(35), data(CLIENT, SERVER, 1030, 5000, .sport = 81)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(20), MS(20))),
			 IN(MS(75), ack(SERVER, CLIENT, 5075, 1030, .dport = 81),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(40), MS(40)))) },

	{ "minimum_of_each_direction", .stamped = 5, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
			 IN(MS(70), ack(SERVER, CLIENT, 5070, 1060), RTT(MS(10), MS(10))),
			 IN(MS(71), data(SERVER, CLIENT, 5071, 1060)),
			 OUT(MS(111), ack(CLIENT, SERVER, 1111, 5071), RTT(MS(40), MS(40))),
			 IN(MS(112), data(SERVER, CLIENT, 5112, 1111)),
			 OUT(MS(113), ack(CLIENT, SERVER, 1113, 5112), RTT(MS(1), MS(1))),
			 OUT(MS(120), data(CLIENT, SERVER, 1120, 5112)),
			 IN(MS(160), ack(SERVER, CLIENT, 5160, 1120), RTT(MS(40), MS(10)))) },

	/* stamped in units of 16 ns: multiples of it are exact */
	{ "rtts_are_exact", .stamped = 4, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(30) + 1, ack(SERVER, CLIENT, 5030, 1030), RTT(1, 1)),
			 OUT(MS(40) + 16, data(CLIENT, SERVER, 1040, 5030)),
			 IN(MS(40) + 31, ack(SERVER, CLIENT, 5040, 1040), RTT(15, 1)),
			 OUT(MS(50) + 32, data(CLIENT, SERVER, 1050, 5040)),
			 IN(MS(51) + 49, ack(SERVER, CLIENT, 5051, 1050), RTT(MS(1) + 17, 1)),
			 OUT(SECONDS(1), data(CLIENT, SERVER, 2000, 5051)),
			 IN(SECONDS(44) + 123456789, ack(SERVER, CLIENT, 48123, 2000),
			    RTT(SECONDS(43) + 123456789, 1))) },
};

/* --- answers that come too late --------------------------------------------------------- */

#define LATE(name_, rtt_, ...)                                                                  \
	{                                                                                       \
		name_, .stamped = 1, .flows = 1,                                                \
		       .steps = STEPS(HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)), \
				      IN(MS(32) + (rtt_), ack(SERVER, CLIENT, 65000, 1030),     \
					 ##__VA_ARGS__))                                        \
	}

/* stored times wrap after 68.72 s */
static const struct scenario late[] = {
	LATE("rtt_of_59_seconds", SECONDS(59), RTT(SECONDS(59), SECONDS(59))),
	LATE("rtt_of_60_seconds", SECONDS(60), RTT(SECONDS(60), SECONDS(60))),
	LATE("no_rtt_after_60_seconds", SECONDS(60) + 16),
	LATE("no_rtt_of_65_seconds", SECONDS(65)),
	LATE("no_rtt_of_69_seconds", SECONDS(69)),
	LATE("no_rtt_of_100_seconds", SECONDS(100)),
	LATE("no_rtt_of_140_seconds", SECONDS(140)),
	LATE("no_rtt_of_250_seconds", SECONDS(250)),
	/* with --cleanup-interval 0: a slot's time has wrapped around */
	LATE("no_rtt_of_1110_seconds", SECONDS(1110)),

	/* the fifth finds the flow's slots full: in the spill table it is no different */
	{ "rtt_of_59_seconds_spilled", .stamped = 5, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1033, 5000)),
			 OUT(MS(32) + 5, data(CLIENT, SERVER, 1034, 5000)),
			 IN(SECONDS(59) + MS(32) + 12, ack(SERVER, CLIENT, 64000, 1034),
			    RTT(SECONDS(59) + 7, SECONDS(59) + 7))) },

	{ "no_rtt_of_61_seconds_spilled", .stamped = 5, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1033, 5000)),
			 OUT(MS(32), data(CLIENT, SERVER, 1034, 5000)),
			 IN(SECONDS(61) + MS(32), ack(SERVER, CLIENT, 66000, 1034))) },

	/* and while the flow goes on carrying packets, each of them a second after the other */
	{ "no_rtt_of_70_seconds_of_a_busy_flow", .stamped = 1, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
			 IN(SECONDS(10), ack(SERVER, CLIENT, 15000, 1020)),
			 IN(SECONDS(20), ack(SERVER, CLIENT, 25000, 1020)),
			 IN(SECONDS(30), ack(SERVER, CLIENT, 35000, 1020)),
			 IN(SECONDS(40), ack(SERVER, CLIENT, 45000, 1020)),
			 IN(SECONDS(50), ack(SERVER, CLIENT, 55000, 1020)),
			 IN(SECONDS(60), ack(SERVER, CLIENT, 60000, 1020)),
			 IN(SECONDS(70), ack(SERVER, CLIENT, 75000, 1030))) },

	/* a closed flow's entry is not swept: its data is answered while it lingers, and no longer */
	{ "rtt_of_a_closed_flow", .stamped = 1, .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
		  OUT(MS(33), rst(CLIENT, SERVER, 1033, 5000), CLOSING(RST, SERVER, CLIENT, DEST)),
		  IN(SECONDS(5) + MS(32), fin(SERVER, CLIENT, 10000, 1030),
		     RTT(SECONDS(5), SECONDS(5)))) },

	{ "no_rtt_of_a_flow_long_closed", .stamped = 2, .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
		  OUT(MS(33), data(CLIENT, SERVER, 1033, 5000)),
		  OUT(MS(33), rst(CLIENT, SERVER, 1033, 5000), CLOSING(RST, SERVER, CLIENT, DEST)),
		  IN(SECONDS(6) + MS(32), fin(SERVER, CLIENT, 11000, 1030)),
		  /* a time of 32 bits has wrapped around */
		  IN(SECONDS(70), fin(SERVER, CLIENT, 75000, 1033))) },
};

/*
 * While no user space moves the epoch nothing is swept: a slot itself knows how
 * old it is.
 */
static void late_while_the_epoch_stands(void)
{
	static const int seconds[] = { 59, 61, 69, 70, 100, 140, 250, 1000 };
	static const struct pping_config config = { EVERYTHING };

	for (size_t i = 0; bpf_ready() && i < ARRAY_SIZE(seconds); i++) {
		struct engine *e = engine__open(&config);
		struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000);
		struct packet_spec d = data(CLIENT, SERVER, 1030, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5050, 1030);

		if (!e)
			return;
		engine__inject(e, TC_EGRESS, &first);
		engine__inject(e, TC_EGRESS, &d);
		*(volatile __u64 *)&e->shared->test_now += SECONDS(seconds[i]);
		engine__inject(e, TC_INGRESS, &a);
		CHECK_INT(engine__counters(e).n[PPING_COUNT_STAMPED], 1);
		CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], seconds[i] <= 60);
	}
}

/* --- SYN ----------------------------------------------------------------------------------- */

#define WITH_SYN                             \
	{                                    \
		EVERYTHING, .include_syn = 1 \
	}

static const struct scenario syns[] = {
	{ "include_syn_off", .flows = 1, .steps = STEPS(HANDSHAKE) },

	{ "include_syn_on", .config = WITH_SYN, .stamped = 2, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 IN(MS(20), synack(SERVER, CLIENT, 5000, 1000),
			    OPENING(SYN_ACK, SERVER, CLIENT), RTT(MS(20), MS(20))),
			 OUT(MS(21), ack(CLIENT, SERVER, 1021, 5000), RTT(MS(1), MS(1)))) },

	{ "include_syn_repeated_with_the_same_tsval", .config = WITH_SYN, .stamped = 2, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 1000)),
			 IN(MS(1020), synack(SERVER, CLIENT, 5000, 1000),
			    OPENING(SYN_ACK, SERVER, CLIENT), RTT(MS(1020), MS(1020)))) },

	{ "include_syn_repeated_with_a_new_tsval", .config = WITH_SYN, .stamped = 3, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 OUT(SECONDS(1), syn(CLIENT, SERVER, 2000)),
			 IN(MS(1020), synack(SERVER, CLIENT, 5000, 2000),
			    OPENING(SYN_ACK, SERVER, CLIENT), RTT(MS(20), MS(20)))) },

	/* TCP Fast Open (RFC 7413) */
	{ "syn_with_data_carries_data", .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000, .payload = 100)),
			 IN(MS(20), synack(SERVER, CLIENT, 5000, 1000),
			    OPENING(SYN_ACK, SERVER, CLIENT), RTT(MS(20), MS(20)))) },

	/* TSecr of a SYN without ACK is not valid (RFC 7323 section 3.2) */
	{ "tsecr_of_a_syn_is_no_answer", .config = WITH_SYN, .stamped = 2, .flows = 1,
	  .steps = STEPS(OUT(0, syn(CLIENT, SERVER, 1000)),
			 IN(MS(20), syn(SERVER, CLIENT, 5000, .tsecr = 1000),
			    OPENING(SYN, SERVER, CLIENT))) },
};

/* --- what this host answers ------------------------------------------------------------------ */

#define REMOTE_ONLY                             \
	{                                       \
		.track_tcp = 1, .track_icmp = 1 \
	}

#define LOOPBACK                                               \
	{                                                      \
		.track_tcp = 1, .track_icmp = 1, .loopback = 1 \
	}

static const struct scenario local[] = {
	{ "what_this_host_answers_is_left_out", .config = REMOTE_ONLY, .stamped = 1, .flows = 1,
	  .steps = STEPS(LOCAL(0, CLIENT), HANDSHAKE, IN(MS(30), data(SERVER, CLIENT, 5030, 1020)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5030)),
			 IN(MS(51), data(SERVER, CLIENT, 5051, 1031), RTT(MS(20), MS(20))),
			 OUT(MS(52), ack(CLIENT, SERVER, 1052, 5051))) },

	{ "include_local", .stamped = 3, .flows = 1,
	  .steps = STEPS(LOCAL(0, CLIENT), HANDSHAKE, IN(MS(30), data(SERVER, CLIENT, 5030, 1020)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5030), RTT(MS(1), MS(1))),
			 IN(MS(51), data(SERVER, CLIENT, 5051, 1031), RTT(MS(20), MS(20))),
			 OUT(MS(53), ack(CLIENT, SERVER, 1053, 5051), RTT(MS(2), MS(1)))) },

	{ "what_this_host_forwards_is_measured", .config = REMOTE_ONLY, .stamped = 2, .flows = 1,
	  .steps =
		  STEPS(LOCAL(0, STRANGER), HANDSHAKE, IN(MS(30), data(SERVER, CLIENT, 5030, 1020)),
			OUT(MS(31), data(CLIENT, SERVER, 1031, 5030), RTT(MS(1), MS(1))),
			IN(MS(51), ack(SERVER, CLIENT, 5051, 1031), RTT(MS(20), MS(20)))) },

	{ "local_ping", .config = REMOTE_ONLY, .stamped = 1, .flows = 1,
	  .steps =
		  STEPS(LOCAL(0, CLIENT), IN(0, request(SERVER, CLIENT, 1)),
			OUT(MS(1), reply(CLIENT, SERVER, 1), OPENING(FIRST_PACKET, CLIENT, SERVER)),
			OUT(MS(2), request(CLIENT, SERVER, 7)),
			IN(MS(22), reply(SERVER, CLIENT, 7), RTT(MS(20), MS(20)))) },

	{ "addresses_come_and_go", .config = REMOTE_ONLY, .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, IN(MS(30), data(SERVER, CLIENT, 5030, 1020)),
			 OUT(MS(31), ack(CLIENT, SERVER, 1031, 5030), RTT(MS(1), MS(1))),
			 LOCAL(MS(40), CLIENT), IN(MS(50), data(SERVER, CLIENT, 5050, 1031)),
			 OUT(MS(51), ack(CLIENT, SERVER, 1051, 5050)), NOT_LOCAL(MS(60), CLIENT),
			 IN(MS(70), data(SERVER, CLIENT, 5070, 1051)),
			 OUT(MS(72), ack(CLIENT, SERVER, 1072, 5070), RTT(MS(2), MS(1)))) },

	/* what leaves by the loopback device arrives here */
	{ "loopback", .config = LOOPBACK, .flows = 1,
	  .steps = STEPS(LOCAL(0, SERVER), HANDSHAKE, OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(32), data(CLIENT, SERVER, 1032, 5000)),
			 OUT(MS(33), ack(SERVER, CLIENT, 5033, 1031)),
			 OUT(MS(34), ack(SERVER, CLIENT, 5034, 1032))) },

	{ "loopback_include_local", .config = { EVERYTHING, .loopback = 1 }, .stamped = 1,
	  .flows = 1,
	  .steps = STEPS(LOCAL(0, SERVER), HANDSHAKE, OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(33), ack(SERVER, CLIENT, 5033, 1031), RTT(MS(2), MS(2)))) },

	{ "loopback_to_another_host", .config = LOOPBACK, .stamped = 1, .flows = 1,
	  .steps = STEPS(LOCAL(0, CLIENT), HANDSHAKE, OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(33), ack(SERVER, CLIENT, 5033, 1031), RTT(MS(2), MS(2)))) },

	{ "egress_to_ones_own_address", .config = REMOTE_ONLY, .stamped = 1, .flows = 1,
	  .steps = STEPS(LOCAL(0, SERVER), HANDSHAKE, OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(33), ack(SERVER, CLIENT, 5033, 1031), RTT(MS(2), MS(2)))) },

	/* each direction's destination has an answer of its own */
	{ "local_server", .config = REMOTE_ONLY, .stamped = 1, .flows = 1,
	  .steps = STEPS(LOCAL(0, SERVER), HANDSHAKE, IN(MS(30), data(SERVER, CLIENT, 5030, 1020)),
			 OUT(MS(31), ack(CLIENT, SERVER, 1031, 5030), RTT(MS(1), MS(1))),
			 IN(MS(40), data(CLIENT, SERVER, 1040, 5030)),
			 OUT(MS(41), ack(SERVER, CLIENT, 5041, 1040))) },
};

/* --- ICMP echo ------------------------------------------------------------------------------- */

static const struct scenario echoes[] = {
	{ "ping", .stamped = 2, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)),
			 IN(MS(20), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20))),
			 OUT(SECONDS(1), request(CLIENT, SERVER, 2)),
			 IN(MS(1010), reply(SERVER, CLIENT, 2), RTT(MS(10), MS(10)))) },

	{ "pinged", .stamped = 1, .flows = 1,
	  .steps = STEPS(IN(0, request(SERVER, CLIENT, 1)),
			 OUT(MS(20), reply(CLIENT, SERVER, 1),
			     OPENING(FIRST_PACKET, CLIENT, SERVER), RTT(MS(20), MS(20)))) },

	{ "fault_5_one_reply_one_rtt", .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)),
			 IN(MS(20), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20))),
			 IN(MS(21), reply(SERVER, CLIENT, 1)),
			 IN(MS(22), reply(SERVER, CLIENT, 1))) },

	{ "request_seen_twice", .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)), OUT(MS(1), request(CLIENT, SERVER, 1)),
			 IN(MS(20), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20)))) },

	{ "replies_out_of_order", .stamped = 3, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)), OUT(MS(1), request(CLIENT, SERVER, 2)),
			 OUT(MS(2), request(CLIENT, SERVER, 3)),
			 IN(MS(20), reply(SERVER, CLIENT, 3), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(18), MS(18))),
			 IN(MS(21), reply(SERVER, CLIENT, 1), RTT(MS(21), MS(18))),
			 IN(MS(22), reply(SERVER, CLIENT, 2), RTT(MS(21), MS(18)))) },

	{ "replies_of_pairs_exchanged", .stamped = 4, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)), OUT(MS(1), request(CLIENT, SERVER, 2)),
			 OUT(MS(2), request(CLIENT, SERVER, 3)),
			 OUT(MS(3), request(CLIENT, SERVER, 4)),
			 IN(MS(20), reply(SERVER, CLIENT, 2), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(19), MS(19))),
			 IN(MS(21), reply(SERVER, CLIENT, 1), RTT(MS(21), MS(19))),
			 IN(MS(22), reply(SERVER, CLIENT, 4), RTT(MS(19), MS(19))),
			 IN(MS(23), reply(SERVER, CLIENT, 3), RTT(MS(21), MS(19)))) },

	/* a later reply does not make room of the slots of earlier requests */
	{ "replies_out_of_order_spilled", .stamped = 6, .flows = 1,
	  .steps = STEPS(
		  OUT(0, request(CLIENT, SERVER, 1)), OUT(MS(1), request(CLIENT, SERVER, 2)),
		  OUT(MS(2), request(CLIENT, SERVER, 3)), OUT(MS(3), request(CLIENT, SERVER, 4)),
		  IN(MS(20), reply(SERVER, CLIENT, 4), OPENING(FIRST_PACKET, SERVER, CLIENT),
		     RTT(MS(17), MS(17))),
		  OUT(MS(21), request(CLIENT, SERVER, 5)), OUT(MS(22), request(CLIENT, SERVER, 6)),
		  IN(MS(42), reply(SERVER, CLIENT, 6), RTT(MS(20), MS(17))),
		  IN(MS(43), reply(SERVER, CLIENT, 3), RTT(MS(41), MS(17))),
		  IN(MS(44), reply(SERVER, CLIENT, 2), RTT(MS(43), MS(17))),
		  IN(MS(45), reply(SERVER, CLIENT, 1), RTT(MS(45), MS(17))),
		  IN(MS(46), reply(SERVER, CLIENT, 5), RTT(MS(25), MS(17)))) },

	/* whose reply would it be? */
	{ "older_request_duplicated", .stamped = 3, .flows = 1,
	  .steps = STEPS(
		  OUT(0, request(CLIENT, SERVER, 5)), OUT(MS(1), request(CLIENT, SERVER, 6)),
		  OUT(MS(2), request(CLIENT, SERVER, 5)),
		  IN(MS(20), reply(SERVER, CLIENT, 5), OPENING(FIRST_PACKET, SERVER, CLIENT)),
		  IN(MS(21), reply(SERVER, CLIENT, 6), RTT(MS(20), MS(20))),
		  IN(MS(22), reply(SERVER, CLIENT, 5)), OUT(MS(30), request(CLIENT, SERVER, 7)),
		  IN(MS(50), reply(SERVER, CLIENT, 7), RTT(MS(20), MS(20)))) },

	{ "older_request_duplicated_spilled", .stamped = 6, .flows = 1,
	  .steps = STEPS(
		  OUT(0, request(CLIENT, SERVER, 1)), OUT(MS(1), request(CLIENT, SERVER, 2)),
		  OUT(MS(2), request(CLIENT, SERVER, 3)), OUT(MS(3), request(CLIENT, SERVER, 4)),
		  OUT(MS(4), request(CLIENT, SERVER, 5)), OUT(MS(5), request(CLIENT, SERVER, 6)),
		  OUT(MS(6), request(CLIENT, SERVER, 5)),
		  IN(MS(24), reply(SERVER, CLIENT, 5), OPENING(FIRST_PACKET, SERVER, CLIENT)),
		  IN(MS(25), reply(SERVER, CLIENT, 6), RTT(MS(20), MS(20))),
		  IN(MS(26), reply(SERVER, CLIENT, 5))) },

	/* not a duplicate any more: the first one's place is the second one's */
	{ "lost_request_comes_again", .stamped = 5, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)), OUT(MS(1), request(CLIENT, SERVER, 2)),
			 IN(MS(21), reply(SERVER, CLIENT, 2), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20))),
			 OUT(SECONDS(2), request(CLIENT, SERVER, 1)),
			 IN(MS(2030), reply(SERVER, CLIENT, 1), RTT(MS(30), MS(20))),
			 OUT(SECONDS(3), request(CLIENT, SERVER, 2)),
			 IN(MS(3040), reply(SERVER, CLIENT, 2), RTT(MS(40), MS(20))),
			 OUT(SECONDS(4), request(CLIENT, SERVER, 3)),
			 IN(MS(4050), reply(SERVER, CLIENT, 3), RTT(MS(50), MS(20)))) },

	{ "reply_to_nothing", .stamped = 1, .flows = 1,
	  .steps =
		  STEPS(OUT(0, request(CLIENT, SERVER, 5)),
			IN(MS(20), reply(SERVER, CLIENT, 4), OPENING(FIRST_PACKET, SERVER, CLIENT)),
			IN(MS(21), reply(SERVER, CLIENT, 6)),
			IN(MS(22), reply(SERVER, CLIENT, 5), RTT(MS(22), MS(22)))) },

	{ "echo_sequence_wraps_around", .stamped = 3, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 65534)),
			 OUT(MS(1), request(CLIENT, SERVER, 65535)),
			 OUT(MS(2), request(CLIENT, SERVER, 0)),
			 IN(MS(20), reply(SERVER, CLIENT, 65534),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(20), MS(20))),
			 IN(MS(21), reply(SERVER, CLIENT, 65535), RTT(MS(20), MS(20))),
			 IN(MS(22), reply(SERVER, CLIENT, 0), RTT(MS(20), MS(20)))) },

	{ "two_pings_keep_apart", .stamped = 2, .flows = 2,
	  .steps = STEPS(OUT(0, request(CLIENT, SERVER, 1)),
			 OUT(MS(5), request(CLIENT, SERVER, 1, .echo_id = 7)),
			 IN(MS(20), reply(SERVER, CLIENT, 1, .echo_id = 7),
			    OPENING(FIRST_PACKET, SERVER, CLIENT), RTT(MS(15), MS(15))),
			 IN(MS(21), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(21), MS(21)))) },

	/* with one identifier: one flow, and two directions */
	{ "ping_each_other", .stamped = 2, .flows = 1,
	  .steps = STEPS(
		  OUT(0, request(CLIENT, SERVER, 1)),
		  IN(MS(5), request(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT)),
		  OUT(MS(6), reply(CLIENT, SERVER, 1), RTT(MS(1), MS(1))),
		  IN(MS(20), reply(SERVER, CLIENT, 1), RTT(MS(20), MS(20)))) },

	{ "ping_oneself", .stamped = 2, .flows = 1,
	  .steps = STEPS(OUT(0, request(CLIENT, CLIENT, 1)), IN(US(10), request(CLIENT, CLIENT, 1)),
			 OUT(US(20), reply(CLIENT, CLIENT, 1),
			     OPENING(FIRST_PACKET, CLIENT, CLIENT), RTT(US(20), US(20))),
			 IN(US(30), reply(CLIENT, CLIENT, 1)),
			 OUT(SECONDS(1), request(CLIENT, CLIENT, 2)),
			 OUT(SECONDS(1) + US(40), reply(CLIENT, CLIENT, 2), RTT(US(40), US(20)))) },

	{ "talk_to_oneself", .stamped = 1, .flows = 1,
	  .steps = STEPS(
		  OUT(0, syn(CLIENT, CLIENT, 1000, .dport = 80)),
		  OUT(US(10), synack(CLIENT, CLIENT, 1000, 1000, .sport = 80),
		      OPENING(SYN_ACK, CLIENT, CLIENT)),
		  OUT(MS(1), data(CLIENT, CLIENT, 1001, 1000, .dport = 80)),
		  OUT(MS(3), ack(CLIENT, CLIENT, 1003, 1001, .sport = 80), RTT(MS(2), MS(2)))) },

	{ "icmp_not_asked_for", .config = { .track_tcp = 1, .include_local = 1 },
	  .steps = STEPS(OUT_AS(NOT_SELECTED, 0, request(CLIENT, SERVER, 1)),
			 IN_AS(NOT_SELECTED, MS(20), reply(SERVER, CLIENT, 1))) },

	/* whichever way it is read */
	{ "icmp_of_the_other_family", .config = { .track_tcp = 1, .include_local = 1 },
	  .steps = STEPS(OUT_AS(OTHER_PROTOCOL, 0, other(CLIENT, SERVER, 58, .ip = 4)),
			 IN_AS(OTHER_PROTOCOL, 0, other(SERVER, CLIENT, 58, .ip = 4)),
			 OUT_AS(OTHER_PROTOCOL, 0, other(CLIENT, SERVER, 1, .ip = 6)),
			 IN_AS(OTHER_PROTOCOL, 0, other(SERVER, CLIENT, 1, .ip = 6))) },

	{ "tcp_not_asked_for", .config = { .track_icmp = 1, .include_local = 1 }, .stamped = 1,
	  .flows = 1,
	  .steps = STEPS(OUT_AS(NOT_SELECTED, 0, syn(CLIENT, SERVER, 1000)),
			 IN_AS(NOT_SELECTED, MS(20), synack(SERVER, CLIENT, 5000, 1000)),
			 OUT(MS(30), request(CLIENT, SERVER, 1)),
			 IN(MS(50), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20)))) },
};

/* --- sampling ---------------------------------------------------------------------------------- */

#define LIMIT_100                                    \
	{                                            \
		EVERYTHING, .rate_limit_ns = MS(100) \
	}

static const struct scenario sampling[] = {
	{ "four_identifiers_a_round_one_sample", .config = LIMIT_100, .stamped = 5, .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
		  OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
		  OUT(MS(32), data(CLIENT, SERVER, 1032, 5000)),
		  OUT(MS(33), data(CLIENT, SERVER, 1033, 5000)),
		  OUT(MS(34), data(CLIENT, SERVER, 1034, 5000)), /* one too many */
		  IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
		  IN(MS(51), ack(SERVER, CLIENT, 5051, 1031)),
		  IN(MS(52), ack(SERVER, CLIENT, 5052, 1032)),
		  IN(MS(53), ack(SERVER, CLIENT, 5053, 1033)),
		  IN(MS(54), ack(SERVER, CLIENT, 5054, 1034)),
		  OUT(MS(60), data(CLIENT, SERVER, 1060, 5054)), /* the round has its sample */
		  IN(MS(80), ack(SERVER, CLIENT, 5080, 1060)),
		  OUT(MS(130) - 16, data(CLIENT, SERVER, 1129, 5080)),
		  OUT(MS(130), data(CLIENT, SERVER, 1130, 5080)), /* the interval is over */
		  IN(MS(149), ack(SERVER, CLIENT, 5149, 1129)),
		  IN(MS(150), ack(SERVER, CLIENT, 5150, 1130), RTT(MS(20), MS(20)))) },

	{ "delayed_ack_does_not_cost_the_round", .config = LIMIT_100, .stamped = 3, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(51), ack(SERVER, CLIENT, 5051, 1031), RTT(MS(20), MS(20))),
			 IN(MS(52), ack(SERVER, CLIENT, 5050, 1030)), /* out of order, and void */
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5051)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1060)),
			 OUT(MS(130), data(CLIENT, SERVER, 1130, 5080)),
			 IN(MS(160), ack(SERVER, CLIENT, 5160, 1130), RTT(MS(30), MS(20)))) },

	{ "shown_while_limited_is_not_stamped_later", .config = LIMIT_100, .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(120), data(CLIENT, SERVER, 1120, 5050)),
			 OUT(MS(135), data(CLIENT, SERVER, 1120, 5050)),
			 IN(MS(140), ack(SERVER, CLIENT, 5140, 1120)),
			 OUT(MS(145), data(CLIENT, SERVER, 1145, 5140)),
			 IN(MS(165), ack(SERVER, CLIENT, 5165, 1145), RTT(MS(20), MS(20)))) },

	{ "each_direction_has_its_own_rounds", .config = LIMIT_100, .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), data(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(51), data(CLIENT, SERVER, 1051, 5050), RTT(MS(1), MS(1))),
			 IN(MS(71), data(SERVER, CLIENT, 5071, 1051)),
			 OUT(MS(72), ack(CLIENT, SERVER, 1072, 5071))) },

	{ "a_round_without_an_answer", .config = LIMIT_100, .stamped = 2, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(200), data(CLIENT, SERVER, 1200, 5000)),
			 IN(MS(220), ack(SERVER, CLIENT, 5220, 1200), RTT(MS(20), MS(20)))) },

	{ "answers_of_two_rounds_under_way", .config = LIMIT_100, .stamped = 4, .flows = 1,
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 OUT(MS(130), data(CLIENT, SERVER, 1130, 5000)),
			 OUT(MS(131), data(CLIENT, SERVER, 1131, 5000)),
			 IN(MS(180), ack(SERVER, CLIENT, 5180, 1030), RTT(MS(150), MS(150))),
			 IN(MS(181), ack(SERVER, CLIENT, 5181, 1031)),
			 IN(MS(280), ack(SERVER, CLIENT, 5280, 1130), RTT(MS(150), MS(150))),
			 IN(MS(281), ack(SERVER, CLIENT, 5281, 1131))) },

	{ "ping_is_sampled_too", .config = LIMIT_100, .stamped = 5, .flows = 1,
	  .steps = STEPS(
		  OUT(0, request(CLIENT, SERVER, 1)),
		  IN(MS(5), reply(SERVER, CLIENT, 1), OPENING(FIRST_PACKET, SERVER, CLIENT),
		     RTT(MS(5), MS(5))),
		  OUT(MS(10), request(CLIENT, SERVER, 2)), IN(MS(15), reply(SERVER, CLIENT, 2)),
		  OUT(MS(100), request(CLIENT, SERVER, 3)),
		  OUT(MS(101), request(CLIENT, SERVER, 4)),
		  OUT(MS(102), request(CLIENT, SERVER, 5)),
		  OUT(MS(103), request(CLIENT, SERVER, 6)),
		  OUT(MS(104), request(CLIENT, SERVER, 7)), IN(MS(110), reply(SERVER, CLIENT, 7)),
		  IN(MS(111), reply(SERVER, CLIENT, 4), RTT(MS(10), MS(5))),
		  IN(MS(112), reply(SERVER, CLIENT, 3))) },
};

#define LIMIT_300S                                        \
	{                                                 \
		EVERYTHING, .rate_limit_ns = SECONDS(300) \
	}

/* times farther apart than 32 bits of 16 ns units can tell */
static const struct scenario long_rounds[] = {
	{ "a_round_of_five_minutes_answered_late", .config = LIMIT_300S, .stamped = 5, .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
		  OUT(SECONDS(45), data(CLIENT, SERVER, 46000, 5000)),
		  OUT(SECONDS(50), data(CLIENT, SERVER, 51000, 5000)),
		  OUT(SECONDS(55), data(CLIENT, SERVER, 56000, 5000)),
		  IN(SECONDS(56), ack(SERVER, CLIENT, 61000, 46000), RTT(SECONDS(11), SECONDS(11))),
		  IN(SECONDS(57), ack(SERVER, CLIENT, 62000, 51000)),
		  IN(SECONDS(58), ack(SERVER, CLIENT, 63000, 56000)),
		  OUT(SECONDS(300), data(CLIENT, SERVER, 301000, 63000)),
		  IN(SECONDS(301), ack(SERVER, CLIENT, 306000, 301000)),
		  OUT(SECONDS(301), data(CLIENT, SERVER, 302000, 306000)),
		  IN(SECONDS(302), ack(SERVER, CLIENT, 307000, 302000),
		     RTT(SECONDS(1), SECONDS(1)))) },

	{ "a_round_of_five_minutes_answered_each", .config = LIMIT_300S, .stamped = 2, .flows = 1,
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
		  OUT(SECONDS(45), data(CLIENT, SERVER, 46000, 5000)),
		  IN(SECONDS(46), ack(SERVER, CLIENT, 51000, 46000), RTT(SECONDS(1), SECONDS(1))),
		  OUT(SECONDS(50), data(CLIENT, SERVER, 51000, 51000)),
		  IN(SECONDS(51), ack(SERVER, CLIENT, 56000, 51000)),
		  OUT(SECONDS(55), data(CLIENT, SERVER, 56000, 56000)),
		  IN(SECONDS(56), ack(SERVER, CLIENT, 61000, 56000))) },
};

#define TWICE (2 << PPING_RATE_SHIFT)

static const struct scenario rates[] = {
	/* RTTs of 20, 100 and 20 ms: the minimum stays 20, the smoothed one becomes 28.75 */
	{ "rtt_rate_times_the_minimum", .stamped = 4, .flows = 1,
	  .config = { EVERYTHING, .rtt_rate = TWICE },
	  .steps = STEPS(
		  HANDSHAKE,
		  OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)), /* no RTT yet, no fixed limit */
		  IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
		  OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
		  IN(MS(160), ack(SERVER, CLIENT, 5160, 1060), RTT(MS(100), MS(20))),
		  OUT(MS(200), data(CLIENT, SERVER, 1200, 5160)),
		  IN(MS(220), ack(SERVER, CLIENT, 5220, 1200), RTT(MS(20), MS(20))),
		  OUT(MS(240) - 16, data(CLIENT, SERVER, 1239, 5220)),
		  OUT(MS(240), data(CLIENT, SERVER, 1240, 5220)),
		  IN(MS(259), ack(SERVER, CLIENT, 5259, 1239)),
		  IN(MS(260), ack(SERVER, CLIENT, 5260, 1240), RTT(MS(20), MS(20)))) },

	{ "rtt_rate_times_the_smoothed", .stamped = 4, .flows = 1,
	  .config = { EVERYTHING, .rtt_rate = TWICE, .use_srtt = 1 },
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
			 IN(MS(160), ack(SERVER, CLIENT, 5160, 1060), RTT(MS(100), MS(20))),
			 OUT(MS(200), data(CLIENT, SERVER, 1200, 5160)),
			 IN(MS(220), ack(SERVER, CLIENT, 5220, 1200), RTT(MS(20), MS(20))),
			 /* 28.75 ms now, but for what units of 256 ns lose */
			 OUT(US(257499), data(CLIENT, SERVER, 1257, 5220)),
			 OUT(US(257500), data(CLIENT, SERVER, 1258, 5220)),
			 IN(MS(270), ack(SERVER, CLIENT, 5270, 1257)),
			 IN(US(277500), ack(SERVER, CLIENT, 5278, 1258), RTT(MS(20), MS(20)))) },

	{ "rtt_rate_below_one", .stamped = 3, .flows = 1,
	  .config = { EVERYTHING, .rtt_rate = 1 << (PPING_RATE_SHIFT - 2) },
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(60), data(CLIENT, SERVER, 1060, 5050)),
			 IN(MS(80), ack(SERVER, CLIENT, 5080, 1060), RTT(MS(20), MS(20))),
			 OUT(MS(81), data(CLIENT, SERVER, 1081, 5080)),
			 IN(MS(101), ack(SERVER, CLIENT, 5101, 1081), RTT(MS(20), MS(20)))) },

	{ "rtt_rate_replaces_the_fixed_limit", .stamped = 3, .flows = 1,
	  .config = { EVERYTHING, .rtt_rate = TWICE, .rate_limit_ns = MS(100) },
	  .steps = STEPS(HANDSHAKE, OUT(MS(30), data(CLIENT, SERVER, 1030, 5000)),
			 OUT(MS(31), data(CLIENT, SERVER, 1031, 5000)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030), RTT(MS(20), MS(20))),
			 OUT(MS(69), data(CLIENT, SERVER, 1069, 5050)),
			 OUT(MS(70), data(CLIENT, SERVER, 1070, 5050)),
			 IN(MS(90), ack(SERVER, CLIENT, 5090, 1070), RTT(MS(20), MS(20)))) },

	/* 60 s and the largest rate, a week: more than 64 bits of nanoseconds in fixed point */
	{ "rtt_rate_does_not_overflow", .stamped = 3, .flows = 1,
	  .config = { EVERYTHING, .rtt_rate = PPING_MAX_RTT_RATE << PPING_RATE_SHIFT },
	  .steps = STEPS(
		  HANDSHAKE, OUT(MS(32), data(CLIENT, SERVER, 1030, 5000)),
		  IN(MS(60032), ack(SERVER, CLIENT, 65000, 1030), RTT(SECONDS(60), SECONDS(60))),
		  OUT(SECONDS(61), data(CLIENT, SERVER, 61000, 65000)),
		  IN(SECONDS(121), ack(SERVER, CLIENT, 66000, 61000),
		     RTT(SECONDS(60), SECONDS(60))),
		  OUT(SECONDS(50000), data(CLIENT, SERVER, 50000000, 66000)),
		  IN(SECONDS(50001), ack(SERVER, CLIENT, 50000000, 50000000)),
		  OUT(SECONDS(600060), data(CLIENT, SERVER, 600060000, 50000000)),
		  IN(SECONDS(600061) - 1, ack(SERVER, CLIENT, 600060000, 600060000)),
		  OUT(SECONDS(600061), data(CLIENT, SERVER, 600061000, 600060000)),
		  IN(SECONDS(600062), ack(SERVER, CLIENT, 600062000, 600061000),
		     RTT(SECONDS(1), SECONDS(1)))) },
};

/* --- counters ------------------------------------------------------------------------------------ */

static const struct scenario counting[] = {
	{ "packets_and_bytes_of_both_directions", .config = COUNTED, .stamped = 2, .flows = 1,
	  .steps = STEPS(
		  OUT(0, ack(CLIENT, SERVER, 1000, 5000, .ip = 4)),
		  OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
		  OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
		  IN(MS(50), data(SERVER, CLIENT, 5050, 1030, .ip = 4),
		     OPENING(FIRST_PACKET, SERVER, CLIENT),
		     RTT(MS(20), MS(20), .sent = { 3, 3 * H4 + 200 }, .rec = { 1, H4 + 100 })),
		  OUT(MS(60), data(CLIENT, SERVER, 1060, 5050, .ip = 4)),
		  IN(MS(70), ack(SERVER, CLIENT, 5070, 1060, .ip = 4),
		     RTT(MS(10), MS(10), .sent = { 4, 4 * H4 + 300 },
			 .rec = { 2, 2 * H4 + 100 }))) },

	/* egress is tc in every variant, so the super-packet is one */
	{ "super_packets_count_as_what_they_hold", .config = COUNTED, .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000, .ip = 4)),
			 OUT(MS(30), ack(CLIENT, SERVER, 1030, 5000, .ip = 4, .payload = 3000,
					 .gso_segs = 3)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030, .ip = 4),
			    OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20), .sent = { 4, 4 * H4 + 3000 }, .rec = { 1, H4 }))) },

	{ "super_packets_without_an_ip_length", .config = COUNTED, .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000, .ip = 6)),
			 OUT(MS(30), ack(CLIENT, SERVER, 1030, 5000, .ip = 6, .payload = 3000,
					 .gso_segs = 3, .zero_length = true)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030, .ip = 6),
			    OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20), .sent = { 4, 4 * H6 + 3000 }, .rec = { 1, H6 }))) },

	{ "padding_is_not_counted", .config = COUNTED, .stamped = 1, .flows = 1,
	  .steps = STEPS(OUT(0, ack(CLIENT, SERVER, 1000, 5000, .ip = 4, .pad = 6)),
			 OUT(MS(30), data(CLIENT, SERVER, 1030, 5000, .ip = 4)),
			 IN(MS(50), ack(SERVER, CLIENT, 5050, 1030, .ip = 4, .pad = 20),
			    OPENING(FIRST_PACKET, SERVER, CLIENT),
			    RTT(MS(20), MS(20), .sent = { 2, 2 * H4 + 100 }, .rec = { 1, H4 }))) },
};

/* --- many outstanding ------------------------------------------------------------------------------ */

/* Data a tick apart and the ACK of each one RTT later, both ways. */
static void long_path(struct engine *e, __u64 rtt, int n)
{
	int delay = rtt / MS(1);
	__u64 sum = 0;

	for (int tick = 1; tick <= n + delay; tick++) {
		struct packet_spec d = data(CLIENT, SERVER, 1000 + tick, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000 + tick, 1000 + tick - delay);

		engine__set_time(e, tick * MS(1));
		if (tick <= n)
			engine__inject(e, TC_EGRESS, &d);
		if (tick > delay)
			engine__inject(e, TC_INGRESS, &a);
		if (tick % 1024 == 0)
			perf_buffer__consume(e->buffer);
	}
	perf_buffer__consume(e->buffer);
	for (int i = 0; i < e->events; i++) {
		if (e->event[i].type != PPING_EVENT_RTT)
			continue;
		sum++;
		if (e->event[i].rtt != rtt || e->event[i].min_rtt != rtt)
			CHECK_INT(e->event[i].rtt, rtt);
	}
	CHECK_INT(sum, n);
}

static void unsampled_long_paths(void)
{
	static const int ms[] = { 2, 40, 200, 1000, 2000 };
	static const struct pping_config config = { EVERYTHING };

	for (size_t i = 0; bpf_ready() && i < ARRAY_SIZE(ms); i++) {
		struct engine *e = engine__open(&config);
		struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000);
		struct pping_counters c;

		if (!e)
			return;
		engine__inject(e, TC_EGRESS, &first);
		long_path(e, MS(ms[i]), 3000);
		c = engine__counters(e);
		CHECK_INT(c.n[PPING_COUNT_STAMPED], 3000);
		CHECK_INT(c.n[PPING_COUNT_RTTS], 3000);
		CHECK_INT(c.n[PPING_COUNT_SPILL_OVERWRITTEN], 0);
		engine__check_verdicts(e);
	}
}

/* What does not fit is counted: 60 flows with 1,500 identifiers each outstanding. */
static void spill_losses_are_counted(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct pping_counters c;

	if (!e)
		return;
	for (int tick = 0; tick < 3000; tick++) {
		engine__set_time(e, tick * MS(1) + 16);
		for (int flow = 0; flow < 60; flow++) {
			struct packet_spec d = ack(CLIENT, SERVER, 1000 + tick, 5000,
						   .sport = 1000 + flow, .payload = tick ? 10 : 0);
			struct packet_spec a =
				ack(SERVER, CLIENT, 5000, 1000 + tick - 1500, .dport = 1000 + flow);

			if (tick < 1500)
				engine__inject(e, TC_EGRESS, &d);
			else
				engine__inject(e, TC_INGRESS, &a);
		}
		perf_buffer__consume(e->buffer);
		e->events = 0;
	}
	c = engine__counters(e);
	CHECK_INT(c.n[PPING_COUNT_STAMPED], 60 * 1499);
	CHECK_INT(c.n[PPING_COUNT_RTTS] + c.n[PPING_COUNT_SPILL_OVERWRITTEN], 60 * 1499);
	CHECK(c.n[PPING_COUNT_SPILL_OVERWRITTEN] < 60 * 1499 / 50);
	CHECK(c.n[PPING_COUNT_SPILL_OVERWRITTEN] > 0);
	CHECK_INT(c.n[PPING_COUNT_SPILL_BUSY], 0);
}

/* Ten seconds of data at a rate limit over a path of that RTT; the samples' stamps. */
static int sampled_path(struct engine *e, __u64 rtt, int step_ms, __u64 *stamps)
{
	int n = 0;

	for (int tick = 0; tick <= 10000; tick += step_ms) {
		struct packet_spec d = data(CLIENT, SERVER, 1000 + tick, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000 + tick, 1000 + tick - rtt / MS(1));

		engine__set_time(e, MS(tick));
		engine__inject(e, TC_EGRESS, &d);
		if (MS(tick) >= rtt)
			engine__inject(e, TC_INGRESS, &a);
	}
	perf_buffer__consume(e->buffer);
	for (int i = 0; i < e->events; i++) {
		if (e->event[i].type != PPING_EVENT_RTT)
			continue;
		CHECK_INT(e->event[i].rtt, rtt);
		stamps[n++] = e->event[i].timestamp - e->event[i].rtt;
	}
	return n;
}

static void sampled_at(int limit_ms, int rtt_ms, int step_ms)
{
	const struct pping_config config = { EVERYTHING, .rate_limit_ns = MS(limit_ms) };
	struct packet_spec first = ack(CLIENT, SERVER, 990, 5000);
	int n, most = (10000 - rtt_ms) / limit_ms + 1;
	struct engine *e = engine__open(&config);
	static __u64 stamps[ENGINE_EVENTS];

	if (!e)
		return;
	engine__inject(e, TC_EGRESS, &first);
	n = sampled_path(e, MS(rtt_ms), step_ms, stamps);
	if (n < most - 1 || n > most) {
		printf("# RTT %d ms, limit %d ms, a packet every %d ms:\n", rtt_ms, limit_ms,
		       step_ms);
		CHECK_INT(n, most);
	}
	for (int i = 1; i < n; i++)
		if (stamps[i] - stamps[i - 1] < MS(limit_ms))
			CHECK_INT(stamps[i] - stamps[i - 1], MS(limit_ms));
}

/* A sample per interval, and never two closer than that, with however many intervals under way. */
static void a_sample_per_interval_however_long_the_path(void)
{
	static const int intervals_in_10[] = { 1,   5,	 9,   10,  11,	30,  100,
					       159, 160, 165, 170, 200, 320, 325 };

	for (size_t i = 0; bpf_ready() && i < ARRAY_SIZE(intervals_in_10); i++) {
		sampled_at(100, intervals_in_10[i] * 10, 5);
		sampled_at(100, intervals_in_10[i] * 10, 1);
		sampled_at(10, intervals_in_10[i], 1);
	}
}

/*
 * The first of the second round finds the flow's slots full and spills; an answer
 * makes room for its companion. Whichever is answered first, the other is void.
 */
static void a_round_half_spilled_gives_one_sample(void)
{
	static const struct pping_config config = LIMIT_100;
	static const struct {
		int at; /* ms */
		enum hook hook;
		struct packet_spec packet;
	} step[] = {
		{ 0, TC_EGRESS, ack(CLIENT, SERVER, 990, 5000) },
		{ 30, TC_EGRESS, data(CLIENT, SERVER, 1030, 5000) },
		{ 31, TC_EGRESS, data(CLIENT, SERVER, 1031, 5000) },
		{ 32, TC_EGRESS, data(CLIENT, SERVER, 1032, 5000) },
		{ 33, TC_EGRESS, data(CLIENT, SERVER, 1033, 5000) },
		{ 130, TC_EGRESS, data(CLIENT, SERVER, 1130, 5000) },
		{ 135, TC_INGRESS, ack(SERVER, CLIENT, 5135, 1033) },
		{ 140, TC_EGRESS, data(CLIENT, SERVER, 1140, 5000) },
		{ 150, TC_INGRESS, ack(SERVER, CLIENT, 5150, 1140) },
		{ 151, TC_INGRESS, ack(SERVER, CLIENT, 5150, 1130) },
	};
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;

	for (size_t i = 0; e && i < ARRAY_SIZE(step); i++) {
		engine__set_time(e, MS(step[i].at));
		engine__inject(e, step[i].hook, &step[i].packet);
	}
	if (e)
		CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], 2); /* rounds */
}

/* With delayed ACKs that pass over the first of every round as well. */
static void a_sample_per_interval_with_delayed_acks(void)
{
	static const struct pping_config config = LIMIT_100;
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct packet_spec first = ack(CLIENT, SERVER, 990, 5000);

	if (!e)
		return;
	engine__inject(e, TC_EGRESS, &first);
	for (int tick = 0; tick < 10000; tick += 5) {
		struct packet_spec d = data(CLIENT, SERVER, 1000 + tick, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000 + tick, 1000 + tick - 40);

		engine__set_time(e, MS(tick));
		engine__inject(e, TC_EGRESS, &d);
		if (tick >= 40 && tick % 10 == 5)
			engine__inject(e, TC_INGRESS, &a);
	}
	CHECK(engine__counters(e).n[PPING_COUNT_RTTS] >= 95);
	CHECK(engine__counters(e).n[PPING_COUNT_RTTS] <= 100);
}

/* --- smoothed RTT, the rest of the clock ------------------------------------------------------------ */

/* RFC 6298 section 2: 7/8 of the old, 1/8 of the new. Within the units it is kept in. */
static void smoothed_rtt(void)
{
	static const int rtt[] = { 20, 10, 40, 1000, 1, 300 };
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct packet_spec first = ack(CLIENT, SERVER, 990, 5000);
	double want = 0, got;

	if (!e)
		return;
	engine__inject(e, TC_EGRESS, &first);
	for (size_t i = 0; i < ARRAY_SIZE(rtt); i++) {
		struct packet_spec d = data(CLIENT, SERVER, 1000 + i, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000 + i, 1000 + i);
		struct pping_flow f;

		engine__set_time(e, SECONDS(2) * i);
		engine__inject(e, TC_EGRESS, &d);
		engine__set_time(e, SECONDS(2) * i + MS(rtt[i]));
		engine__inject(e, TC_INGRESS, &a);
		want = i ? want * 7 / 8 + MS(rtt[i]) / 8.0 : MS(rtt[i]);
		CHECK_INT(engine__flows(e, &f), 1);
		got = (double)((f.dir[0].rtts | f.dir[1].rtts) & 0xfffffff) * 256;
		if (got < want - 2000 || got > want + 1)
			CHECK_INT(got, want);
	}
}

/* At whatever nanosecond an identifier is stamped, its RTT is right to 16 ns and never too short. */
static void rtts_are_right_to_16_ns(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct packet_spec first = ack(CLIENT, SERVER, 990, 5000);
	__u64 at = 0, rtt[200];

	if (!e)
		return;
	engine__inject(e, TC_EGRESS, &first);
	for (int i = 0; i < 200; i++) {
		struct packet_spec d = data(CLIENT, SERVER, 1000 + i, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000 + i, 1000 + i);

		at += MS(17) + 7919 * i;
		rtt[i] = 1 + (__u64)i * i * i * 1234567 % SECONDS(59);
		engine__set_time(e, at);
		engine__inject(e, TC_EGRESS, &d);
		at += rtt[i];
		engine__set_time(e, at);
		engine__inject(e, TC_INGRESS, &a);
	}
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, 201);
	for (int i = 0; i < 200 && e->events == 201; i++) /* the first is the opening */
		CHECK(e->event[i + 1].rtt >= rtt[i] && e->event[i + 1].rtt < rtt[i] + 16);
}

/*
 * Two CPUs read the epoch around a tick: the one that is a tick behind must not
 * take the flow for one that has carried nothing for 2^32 epochs.
 */
static void an_epoch_read_before_the_tick(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct packet_spec first = ack(CLIENT, SERVER, 1000, 5000);
	struct packet_spec d = data(CLIENT, SERVER, 1030, 5000);
	struct packet_spec a = ack(SERVER, CLIENT, 5050, 1030);

	if (!e)
		return;
	engine__inject(e, TC_EGRESS, &first);
	engine__set_time(e, SECONDS(1));
	engine__inject(e, TC_EGRESS, &d);
	*(volatile __u32 *)&e->shared->epoch = TEST_EPOCH;
	engine__inject(e, TC_EGRESS, &d);
	engine__set_time(e, SECONDS(1) + MS(20));
	engine__inject(e, TC_INGRESS, &a);
	CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], 1);
}

static bool ping_is_lost(int i)
{
	return i == 10 || i == 21 || i == 32 || i == 43;
}

/*
 * Lost pings' sequence numbers come round again after 65,536: their RTTs count
 * from the second time. Replies come `lag` requests later.
 */
static void echo_sequence_again(__u64 interval, int lag)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	int n = 65536 + 60;

	if (!e)
		return;
	for (int i = 0; i < n + lag; i++) {
		struct packet_spec q = request(CLIENT, SERVER, i);
		struct packet_spec r = reply(SERVER, CLIENT, i - lag);

		engine__set_time(e, interval * i);
		if (i < n)
			engine__inject(e, TC_EGRESS, &q);
		engine__set_time(e, interval * i + US(48));
		if (i >= lag && !ping_is_lost(i - lag))
			engine__inject(e, TC_INGRESS, &r);
		if (i % 1024 && i < n + lag - 1)
			continue;
		perf_buffer__consume(e->buffer);
		for (int k = 0; k < e->events; k++)
			if (e->event[k].type == PPING_EVENT_RTT &&
			    e->event[k].rtt != interval * lag + US(48))
				CHECK_INT(e->event[k].rtt, interval * lag + US(48));
		e->events = 0;
	}
	CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], n - 4);
}

static void echo_sequence_again_after_11_minutes(void)
{
	echo_sequence_again(MS(10), 0);
}

static void echo_sequence_again_after_6_seconds(void)
{
	for (int lag = 0; lag < 3; lag++)
		echo_sequence_again(US(100), lag);
}

static void echo_sequence_again_spilled(void)
{
	echo_sequence_again(US(100), 50);
}

/*
 * ping with the identifier it had, from 1 again: each request of the second run
 * is measured, by its own reply.
 */
static void ping_starts_again(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	__u64 rtt[40], at = 0;
	int n = 0;

	if (!e)
		return;
	for (int i = 0; i < 40; i++) {
		struct packet_spec q = request(CLIENT, SERVER, 1 + i % 20);
		struct packet_spec r = reply(SERVER, CLIENT, 1 + i % 20);

		at += MS(200);
		rtt[i] = MS(10 + i);
		engine__set_time(e, at);
		engine__inject(e, TC_EGRESS, &q);
		engine__set_time(e, at + rtt[i]);
		engine__inject(e, TC_INGRESS, &r);
	}
	perf_buffer__consume(e->buffer);
	CHECK_INT(engine__counters(e).n[PPING_COUNT_RTTS], 40);
	for (int i = 0; i < e->events && n < 40; i++)
		if (e->event[i].type == PPING_EVENT_RTT)
			CHECK_INT(e->event[i].rtt, rtt[n++]);
}

/* --- events that don't get through -------------------------------------------------------------------- */

static void lost_events(struct engine *e, int n)
{
	struct packet_spec first = ack(CLIENT, SERVER, 990, 5000);

	engine__inject(e, TC_EGRESS, &first);
	for (int i = 0; i < n; i++) {
		struct packet_spec d = data(CLIENT, SERVER, 1000 + i, 5000);
		struct packet_spec a = ack(SERVER, CLIENT, 5000 + i, 1000 + i);

		engine__set_time(e, MS(i) + US(32));
		engine__inject(e, TC_EGRESS, &d);
		engine__set_time(e, MS(i) + US(64));
		engine__inject(e, TC_INGRESS, &a);
	}
}

/* Of a buffer that nobody reads: matched = emitted + lost, and what was emitted arrives. */
static void fault_14_events_lost_are_counted(void)
{
	static const struct pping_config config = { EVERYTHING };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct pping_counters c;

	if (!e)
		return;
	lost_events(e, 8000);
	c = engine__counters(e);
	CHECK_INT(c.n[PPING_COUNT_RTTS], 8000);
	CHECK(c.n[PPING_COUNT_LOST_ENOSPC] > 0);
	CHECK_INT(c.n[PPING_COUNT_EVENTS_EMITTED] + c.n[PPING_COUNT_LOST_ENOSPC],
		  c.n[PPING_COUNT_RTTS] + c.n[PPING_COUNT_FLOWS_OPENED]);
	perf_buffer__consume(e->buffer);
	CHECK_INT(e->events, c.n[PPING_COUNT_EVENTS_EMITTED]);
}

/* Of a CPU without a buffer. */
static void fault_14_events_without_a_buffer_are_counted(void)
{
	static const struct pping_config config = { EVERYTHING, .include_syn = 1 };
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct pping_counters c;
	__u32 cpu = sched_getcpu();
	int fd;

	if (!e)
		return;
	fd = perf_buffer__buffer_fd(e->buffer, cpu);
	CHECK_INT(bpf_map_delete_elem(bpf_map__fd(e->skel->maps.events), &cpu), 0);
	lost_events(e, 100);
	CHECK_INT(bpf_map_update_elem(bpf_map__fd(e->skel->maps.events), &cpu, &fd, BPF_ANY), 0);
	c = engine__counters(e);
	CHECK_INT(c.n[PPING_COUNT_RTTS], 100);
	CHECK_INT(c.n[PPING_COUNT_LOST_ENOENT], 101);
	CHECK_INT(c.n[PPING_COUNT_EVENTS_EMITTED], 0);
}

/* --- fault 4 ------------------------------------------------------------------------------------------- */

/* No program calls bpf_fib_lookup (helper 69) at all. */
static void fault_4_no_fib_lookup(void)
{
	struct pping_kern *skel = bpf_ready() ? pping_kern__open() : NULL;
	struct bpf_program *program;

	if (!skel)
		return;
	bpf_object__for_each_program(program, skel->obj)
	{
		const struct bpf_insn *insn = bpf_program__insns(program);

		CHECK(bpf_program__insn_cnt(program) > 0);
		for (size_t i = 0; i < bpf_program__insn_cnt(program); i++)
			CHECK(insn[i].code != (BPF_JMP | BPF_CALL) || insn[i].src_reg ||
			      insn[i].imm != BPF_FUNC_fib_lookup);
	}
	pping_kern__destroy(skel);
}

/* The set of local addresses is asked once for a flow and not again while its generation lasts. */
static void fault_4_answer_is_kept_with_the_flow(void)
{
	static const struct pping_config config = REMOTE_ONLY;
	struct engine *e = bpf_ready() ? engine__open(&config) : NULL;
	struct packet_spec first = ack(SERVER, CLIENT, 990, 5000);
	union pping_addr client = host_address(CLIENT, 4);
	__u8 one = 1;

	if (!e)
		return;
	engine__inject(e, TC_INGRESS, &first);
	for (int i = 0; i < 10; i++) {
		struct packet_spec d = data(SERVER, CLIENT, 1000 + i, 5000);

		engine__inject(e, TC_INGRESS, &d);
		bpf_map_update_elem(bpf_map__fd(e->skel->maps.local_addrs), &client, &one, BPF_ANY);
	}
	CHECK_INT(engine__counters(e).n[PPING_COUNT_STAMPED], 10);
	e->shared->local_generation++;
	for (int i = 10; i < 20; i++) {
		struct packet_spec d = data(SERVER, CLIENT, 1000 + i, 5000);

		engine__inject(e, TC_INGRESS, &d);
	}
	CHECK_INT(engine__counters(e).n[PPING_COUNT_STAMPED], 10);
}

#define TABLE(t) scenarios_run(t, ARRAY_SIZE(t))

int main(void)
{
	TABLE(stamping);
	TABLE(matching);
	TABLE(late);
	CASE(late_while_the_epoch_stands);
	TABLE(syns);
	TABLE(local);
	TABLE(echoes);
	TABLE(sampling);
	TABLE(long_rounds);
	TABLE(rates);
	TABLE(counting);
	CASE(unsampled_long_paths);
	CASE(spill_losses_are_counted);
	CASE(a_sample_per_interval_however_long_the_path);
	CASE(a_round_half_spilled_gives_one_sample);
	CASE(a_sample_per_interval_with_delayed_acks);
	CASE(smoothed_rtt);
	CASE(rtts_are_right_to_16_ns);
	CASE(an_epoch_read_before_the_tick);
	CASE(echo_sequence_again_after_11_minutes);
	CASE(echo_sequence_again_after_6_seconds);
	CASE(echo_sequence_again_spilled);
	CASE(ping_starts_again);
	CASE(fault_14_events_lost_are_counted);
	CASE(fault_14_events_without_a_buffer_are_counted);
	CASE(fault_4_no_fib_lookup);
	CASE(fault_4_answer_is_kept_with_the_flow);
	return TEST_EXIT();
}
