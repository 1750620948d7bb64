#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Can the tests fail? Puts one fault at a time into a copy of the engine and
# expects a test to notice. By hand, as root; not part of the default run.
#
#   tests/bpf/mutants.sh [-k REGEX]    only the mutants whose name matches
#
# A mutant counts as noticed if a case fails that passes on the engine as it is.
# Prints "ok NAME" and by which case, or "not ok NAME"; exits 1 if one got away.
set -u
cd "$(dirname "$0")/../.." || exit 1

pattern=
while getopts k: option; do
    case $option in
    k) pattern=$OPTARG ;;
    *) sed -n '3,10s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
jobs=$(nproc)
sources=(engine kern pping.h pping_kern.c pping_debug_cleanup.h)

# build_object DIR: DIR/out/pping.bpf.o of the sources in DIR
build_object() {
    (cd "$1" && make -s -f "$OLDPWD/Makefile" BUILD=out "out/${2:-pping.bpf.o}") >"$1/make" 2>&1
}

# run_cases NAME PROGRAM CASES: the output in $work/NAME/output
run_cases() {
    TEST_BPF_OBJECT=$work/$1/out/pping.bpf.o CASES=$3 REQUIRE_BPF=1 timeout 120 \
        "$work/$2" >"$work/$1/output" 2>&1
}

# The test programs, and which of their cases pass on the engine as it is.
prepare() {
    local program more
    mkdir "$work/base" && cp -r "${sources[@]}" "$work/base" || exit 1
    if ! build_object "$work/base" || ! build_object "$work/base" pping.skel.h; then
        cat "$work/base/make"
        exit 1
    fi
    for program in parse match flow clean race flood aggregate rules interfaces; do
        more=()
        [ "$program" != aggregate ] || more=(src/aggregate.c)
        [ "$program" != rules ] || more=(src/rules.c src/rule.c src/prefix.c)
        [ "$program" != flood ] || more=(src/prefix_table.c src/rules.c src/rule.c src/prefix.c)
        ${CC:-cc} -O1 -D_GNU_SOURCE -I. -I"$work/base/out" "tests/bpf/test_$program.c" "${more[@]}" \
            -o "$work/$program" -lbpf -lelf -lz -lpthread || exit 1
        run_cases base "$program" .
        sed -n 's/^ok //p' "$work/base/output" >"$work/$program.passes"
    done
}

# judge NAME PROGRAM CASES: builds and runs a mutant; one line
judge() {
    local tree=$work/$1 by
    if ! build_object "$tree"; then
        echo "not ok $1: does not compile: $(grep -m1 error: "$tree/make")"
        return
    fi
    run_cases "$1" "$2" "$3"
    by=$(sed -n 's/^not ok //p' "$tree/output" | grep -Fxf "$work/$2.passes" | head -n 3 | xargs)
    if grep -q "programs don't load" "$tree/output"; then
        echo "not ok $1: does not load"
    elif [ -z "$by" ]; then
        echo "not ok $1: nobody noticed"
    else
        echo "ok $1: $by"
    fi
    rm -rf "$tree"
}

# mutant NAME PROGRAM CASES [FILE SED]...
mutant() {
    local name=$1 program=$2 cases=$3 tree=$work/$1
    [[ $name =~ $pattern ]] || return
    shift 3
    mkdir "$tree" && cp -r "${sources[@]/#/$work/base/}" "$tree" || exit 1
    while [ $# -gt 0 ]; do
        sed -i "$2" "$tree/$1"
        if cmp -s "$work/base/$1" "$tree/$1"; then
            echo "not ok $name: nothing to replace in $1" >>"$work/verdicts"
            return
        fi
        shift 2
    done
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n
    done
    judge "$name" "$program" "$cases" >>"$work/verdicts" &
}

packet=engine/packet.h flow=engine/flow.h match=engine/match.h kern=pping_kern.c
slot=engine/slot.h rtts=engine/rtts.h round=engine/round.h spill=engine/spill.h
host=kern/host.h prefixes=kern/prefixes.h clean=kern/clean.h
: >"$work/verdicts"
prepare

# --- parsing
mutant fault_8_fragments_are_read parse 'fragment' \
    $packet 's/if (ip.fragment & NET16(PACKET_IP_OFFSET))/if (0)/'
mutant fault_8_ipv6_fragments_are_read parse 'fragment' \
    $packet 's/if (kind == 44 && (ext.fragment & NET16(0xfff8)))/if (0)/'
mutant fault_8_two_extension_headers parse 'fault_8' \
    $packet 's/#define PACKET_MAX_EXTENSIONS 6/#define PACKET_MAX_EXTENSIONS 2/'
mutant seven_extension_headers parse 'fault_8' \
    $packet 's/#define PACKET_MAX_EXTENSIONS 6/#define PACKET_MAX_EXTENSIONS 7/'
mutant padding_is_data parse 'ack|padding' \
    $packet 's/if (p->length > p->headers)/if (1)/'
mutant end_of_options_ignored parse 'options_' \
    $packet 's/(at == [a-z]* && b\[0\] == 0)/0/'
mutant option_of_size_0 parse 'options_' $packet 's/b\[1\] < 2 || //'
mutant option_past_the_header parse 'options_' $packet 's/ || at + b\[1\] > [a-z]*)/)/'
mutant timestamps_of_any_size parse 'options_' $packet 's/b\[1\] != 10 || //'
mutant nops_not_passed_over parse 'options_' $packet 's/if (b\[0\] == 1) {/if (0) {/'
mutant header_of_four_words parse 'tcp_|cut' $packet 's/header < sizeof(\*tcp) || //'
mutant header_longer_than_packet parse 'tcp_|ip_' $packet 's/ || p->length < p->headers//'
mutant one_vlan_tag parse 'qinq|vlan' $packet 's/PACKET_MAX_VLANS 2/PACKET_MAX_VLANS 1/'
mutant three_vlan_tags parse 'vlan' $packet 's/PACKET_MAX_VLANS 2/PACKET_MAX_VLANS 3/'
mutant no_pppoe parse 'pppoe' $packet 's/PACKET_P_PPPOE 0x8864/PACKET_P_PPPOE 0x8865/'
mutant pppoe_control_is_ip parse 'pppoe' $packet 's/ || pppoe.code)/)/' \
    $packet 's/ || pppoe->code)/)/'
mutant no_super_packets parse 'ip_length' \
    $packet 's/ip.length ? NET16(ip.length) : .*;/NET16(ip.length);/'
mutant no_ipv6_super_packets parse 'ip_length' \
    $packet 's/ip.payload_length ? NET16(ip.payload_length) + sizeof(ip)/1 ? NET16(ip.payload_length) + sizeof(ip)/'
mutant ipv4_options_not_passed_over parse 'ipv4' \
    $packet 's/header = (ip.version_ihl & 15) \* 4;/header = 20;/'
mutant echo_of_any_code parse 'echo' $packet 's/ || icmp.code)/)/'
mutant either_icmp_in_either_ip parse 'icmpv' \
    $packet 's/p->ip_version == 4 ? IPPROTO_ICMP : PACKET_PROTO_ICMPV6/protocol == 58 ? 58 : 1/'
mutant fast_path_takes_options parse 'ipv4|nonsense' \
    $packet 's/ip->version_ihl != 0x45/ip->version_ihl >> 4 != 4/'
mutant fast_path_takes_any_option parse 'options|nonsense' \
    $packet 's/ts->kinds != NET32(PACKET_TCP_NOP_NOP_TS)/0/'
mutant packets_are_dropped parse 'ethernet' $kern 's/return -1; \/\* TCX_NEXT.*/return 2;/'
mutant xdp_drops parse 'ethernet' $kern 's/return XDP_PASS;/return XDP_DROP;/'
mutant linear_part_only parse 'slow' \
    $host 's/return bpf_xdp_load_bytes(h->ctx, off, to, len);/return -1;/'

# --- stamping
mutant pure_acks_are_stamped match 'ack' $match 's/return p->flags & PACKET_DATA ||/return 1 ||/'
mutant pure_acks_do_not_show match 'pure_ack|first_ack' \
    $match '/^static __noinline int match_stamp/,/^}/s/dir &= 1;/dir \&= 1; if (!match_is_stampable(p)) return 0;/'
mutant mid_stream_does_not_wait match 'mid_stream' \
    $match 's/if (!shown && p->protocol == IPPROTO_TCP && !(p->flags & PACKET_SYN))/if (0)/'
mutant handshake_does_not_show match 'handshake' \
    $match '/^static __noinline int match_stamp/,/^}/s/dir &= 1;/dir \&= 1; if (p->flags \& PACKET_SYN) return 0;/'
mutant older_tsvals_are_stamped match 'tsval' \
    $match 's/!flow_id_newer(id, shown))/0)/'
mutant serial_arithmetic_by_greater match 'wraps' \
    $flow 's/return (__s32)(id - than) > 0;/return id > than;/'
mutant syn_is_stamped match 'syn' $match 's/(config.include_syn && p->flags & PACKET_SYN)/p->flags \& PACKET_SYN/'
mutant syn_is_not_stamped match 'syn' $match 's/(config.include_syn && p->flags & PACKET_SYN)/(config.counters \&\& p->flags \& PACKET_SYN)/'
mutant local_asks_for_the_source match 'local|host' $match 's/&f->dir\[!dir\].addr))/\&f->dir[dir].addr))/'
mutant local_egress_is_left_out match 'local' $match 's/(config.loopback || host__way(h) != PPING_MATCH_EGRESS)/1/' \
    $match 's/&f->dir\[!dir\].addr))/\&f->dir[0].addr))/'
mutant local_answer_is_kept_for_ever match 'addresses_come' \
    $match 's/f->local_generation == generation ? f->local : 0/f->local/'
mutant fault_4_local_is_asked_each_time match 'fault_4' $match 's/if (!(known & knows))/if (1)/'

# --- matching
mutant fault_5_two_rtts match 'fault_5' \
    $match 's/__sync_val_compare_and_swap(&d->slot\[i\], word, 0) != word)/0)/'
mutant fault_5_two_rtts_spilled match 'fault_5' \
    $spill 's/__sync_lock_test_and_set(&entry->tag, 0);/__sync_lock_test_and_set(\&entry->tag, place.tag);/'
mutant tsecr_without_ack match 'tsecr' $packet 's/if (p->flags & PACKET_ACK)/if (1)/'
mutant tsecr_never_shown match 'tsecr' \
    $match 's/if (!shown || (tcp && flow_id_newer(p->echo, shown)))/if (!shown)/'
mutant stored_times_wrap_around match 'no_rtt' $match 's/^\t\tslot_sweep(h, f, gap);.*/\t\t;/'
mutant old_slots_seem_young match 'no_rtt' $slot 's/ || age < young))/))/'
mutant echo_sequence_finds_the_lost_one match 'echo|request' \
    $match 's/if (f->protocol != IPPROTO_TCP && match_is_ambiguous(h, f, key, dir, id, now))/if (0)/' \
    $slot 's/if (seen >> 32 == id) {/if (0) {/'
mutant duplicated_request_is_stamped match 'request' \
    $match 's/if (f->protocol != IPPROTO_TCP && match_is_ambiguous(h, f, key, dir, id, now))/if (0)/'
mutant acks_in_order_only match 'out_of_order' \
    $match '/^static __noinline int match_answer/,/^}/s/rtt = match_take/if (answered \&\& flow_id_newer(answered, p->echo)) return 0; rtt = match_take/'
mutant any_rtt_is_one match 'rtt_of' $match 's/if (!rtt || rtt > PPING_MAX_RTT_NS)/if (!rtt)/'
mutant rtts_in_units match 'exact' $slot 's/ + (now & ((1 << PPING_TIME_SHIFT) - 1));/;/'
mutant largest_instead_of_least match 'minimum' $rtts 's/if (rtt < min)/if (rtt > min)/'
mutant smoothed_by_a_quarter match 'smoothed' $rtts 's|smoothed - smoothed / 8 + rtt / 8|smoothed - smoothed / 4 + rtt / 4|'
mutant no_spill match 'long_paths' $match 's/if (spill_put(h, key, dir, id, now))/if (1)/'
mutant spill_takes_the_first_way match 'spill' $spill 's/if (time < oldest) {/if (best == PPING_SPILL_WAYS) {/'
mutant spill_tags_without_direction match 'both|spill|long|sample' \
    $spill 's/(__u64)id << 1 | dir)/1)/'
mutant super_packets_count_once match 'super' $match 's/&count->packets, p->segments/\&count->packets, 1/'
mutant super_packets_bytes_as_they_are match 'super' $match 's/ + (__u64)(p->segments - 1) \* p->headers//'
mutant directions_of_counters_exchanged match 'packets_and_bytes' \
    $match 's/e.sent = f->count\[dir\];/e.sent = f->count[!dir];/'
mutant losses_are_not_counted match 'fault_14' \
    $host 's/err ? lost_counter(err) : PPING_COUNT_EVENTS_EMITTED/PPING_COUNT_EVENTS_EMITTED/'
mutant xdp_is_egress match 'data_is' $kern '/^int pping_xdp/,/^}/s/h.way = PPING_MATCH_INGRESS;/h.way = PPING_MATCH_EGRESS;/'
mutant addresses_do_not_order match 'data_is|ping' $flow 's/swap = s > d;/swap = p->sport > p->dport;/'
mutant ping_oneself_is_one_way match 'oneself' $flow 's/int dir = !(flags & PACKET_ID) && protocol != IPPROTO_TCP;/int dir = 0;/'

# --- sampling
mutant rounds_give_all_their_samples match 'sample|round' \
    $round '/^static __always_inline.* round_void/,/^}/s/__sync_val_compare_and_swap(&d->slot\[i\], word, 0);/;/' \
    $round '/^static __always_inline.* round_claim/,/^}/s/return 0;/return 1;/'
mutant rounds_told_apart_by_number_alone match 'sample' \
    $round 's/ && distance < near && -distance < near)/)/' \
    $round 's/stamped < round >> ROUND_TIME_SHIFT)/0)/'
mutant rounds_go_on_after_their_sample match 'sample|round' $round 's/round & ROUND_DONE || //'
mutant one_identifier_a_round match 'sample|delayed' \
    $round 's/(round & ROUND_STAMPS) >= PPING_SLOTS/1/'
mutant intervals_a_little_longer match 'sample' $round 's/(__s64)(units - (round >> ROUND_TIME_SHIFT)) >=/(__s64)(units - (round >> ROUND_TIME_SHIFT)) >/'
mutant limited_identifiers_stamped_later match 'later' \
    $match '/^static __always_inline void match_remember/,/^}/s/if (admission == ROUND_SKIP)/if (admission == ROUND_SKIP) __sync_val_compare_and_swap(\&f->shown[dir \& 1], PPING_VALID | id, PPING_VALID | (id - 1)); if (admission == ROUND_SKIP)/'
mutant rtt_rate_of_the_other match 'rtt_rate' $round 's/rtt = config.use_srtt ?/rtt = !config.use_srtt ?/'
mutant rtt_rate_overflows match 'rtt_rate' \
    $round 's/(rtt >> PPING_TIME_SHIFT) \* config.rtt_rate >> (PPING_RATE_SHIFT - PPING_TIME_SHIFT)/rtt * config.rtt_rate >> PPING_RATE_SHIFT/'
mutant rtt_rate_with_the_fixed_limit match 'rtt_rate' $round 's/if (!config.rtt_rate || !rtts)/if (config.rate_limit_ns || !rtts)/'

# --- flows
mutant announced_by_its_first_packet flow . \
    $match 's/ && dir != flow_opener(f) && !(p->flags & PACKET_RST))/)/'
mutant refusal_opens flow 'refused|scan' \
    $match 's/dir != flow_opener(f) && !(p->flags & PACKET_RST))/dir != flow_opener(f))/'
mutant named_from_the_opener flow 'opening' $flow 's/flow_name(f, !flow_opener(f), &e->flow);/flow_name(f, flow_opener(f), \&e->flow);/'
mutant triggers_exchanged flow 'closing' $flow 's/sender == flow_opener(f) ?/sender != flow_opener(f) ?/'
mutant announced_at_each_reply flow . \
    $flow 's/if (flow_mark(f, PPING_STATE_REPLIED) & PPING_STATE_REPLIED)/if (flow_mark(f, PPING_STATE_REPLIED) \& 0)/' \
    $match 's/if (!(f->state & PPING_STATE_REPLIED) && dir/if (dir/'
mutant closed_by_one_fin flow 'fin|half' $flow 's/& both) == both)/\& both) != 0)/'
mutant closed_again_and_again flow 'closing|fin|rst' $flow 's/if (before & PPING_STATE_CLOSED)/if (0)/'
mutant rst_is_not_seen flow 'rst' $flow '/^static __always_inline void flow_finish/,/^}/s/if (p->flags & PACKET_RST) {/if (0) {/'
mutant fault_7_fin_and_rst_need_timestamps flow 'fault_7' \
    $match 's/(verdict == PPING_COUNT_NO_TIMESTAMP && p->flags & MATCH_FLAGS_SELDOM)/0/'
mutant fault_7_reuse_is_not_seen flow 'fault_7' $flow 's/return f->isn != p->seq;/return 0;/'
mutant syn_repeated_is_reuse flow 'syn' $flow 's/return f->isn != p->seq;/return 1;/'
mutant simultaneous_open_is_reuse flow 'simultaneous' \
    $flow 's/return !!(state & PPING_STATE_ESTABLISHED);/return 1;/'
mutant stragglers_open_again flow 'stragglers' \
    $flow 's/return state & PPING_STATE_CLOSED && flow_expired(f, epoch);/return !!(state \& PPING_STATE_CLOSED);/'
mutant closed_for_ever flow 'spoofed' \
    $flow 's/return state & PPING_STATE_CLOSED && flow_expired(f, epoch);/return 0;/'
mutant last_words_make_entries flow 'unknown|silently' \
    $flow 's/!(p->flags & (PACKET_FIN | PACKET_RST)) &&/1 \&\&/'
mutant totals_exchanged flow 'totals' $flow 's/e->sent = f->count\[opener\];/e->sent = f->count[!opener];/'
mutant totals_without_the_last_packet flow 'totals' \
    $match '/^static __always_inline void match_flow/,/^}/{s/^\tif (config.counters)$/\tif (config.counters \&\& !(p->flags \& (PACKET_FIN | PACKET_RST)))/}'
mutant duration_to_the_successor flow 'successor' $flow 's/config.counters && reason != PPING_REASON_SYN)/config.counters)/'
mutant duration_without_a_begin flow 'totals' $flow 's/init->first = host__now(h);/;/'
mutant rtts_of_a_flow_are_not_counted flow 'totals' $match 's/__sync_fetch_and_add(&f->rtts, 1);/;/'
mutant totals_of_the_predecessor flow 'totals' \
    $flow 's/__builtin_memset(init->count, 0, sizeof(\*init) - PPING_FLOW_SIZE);/;/'
mutant last_ack_is_not_matched flow 'last' \
    $match 's/return flow_expired(f, host__epoch(h)) ? NULL : f;/return NULL;/'

# --- cleaning
mutant a_second_early clean 'each_kind' $flow 's/ > (__s32)flow_timeout(f)/ >= (__s32)flow_timeout(f)/'
mutant epochs_do_not_wrap clean 'each_kind' \
    $flow 's/return (__s32)(epoch - f->epoch) > (__s32)flow_timeout(f);/return epoch > f->epoch + flow_timeout(f);/'
mutant unanswered_stay_as_long clean 'each_kind' $flow 's/return PPING_UNANSWERED_TIMEOUT;/return PPING_IDLE_TIMEOUT;/'
mutant closed_stay_as_long clean 'each_kind' $flow 's/return PPING_CLOSED_LINGER;/return PPING_UNANSWERED_TIMEOUT;/'
mutant pings_stay_as_long clean 'each_kind' \
    $flow 's/return f->protocol == IPPROTO_TCP ? PPING_IDLE_TIMEOUT : PPING_ICMP_TIMEOUT;/return PPING_IDLE_TIMEOUT;/'
mutant fault_3_only_stamped_packets_refresh clean 'fault_3' \
    $match '/^static __always_inline void match_flow/,/^}/s/f->epoch = epoch;/;/' \
    $match '/^static __always_inline void match_remember/,/^}/s/slot = slot_choose/f->epoch = host__epoch(h); slot = slot_choose/'
mutant fault_3_only_the_openers_packets_refresh clean 'fault_3' \
    $match '/^static __always_inline void match_flow/,/^}/s/f->epoch = epoch;/if (dir == flow_opener(f)) f->epoch = epoch;/'
mutant fault_3_timestamps_declined clean 'fault_3' $match 's/if (flow_declines_timestamps(f, p))/if (0)/'
mutant unanswered_are_announced clean 'each_kind|silently' \
    $kern 's/(state & (PPING_STATE_REPLIED | PPING_STATE_CLOSED)) == PPING_STATE_REPLIED &&/1 \&\&/'
mutant deleted_though_not_announced clean 'pieces|size' \
    $kern 's/return 0; \/\* no room: .*/;/'
mutant timeout_without_totals clean 'timeout' $clean 's/^\t\tflow_add_totals(f, &e);/\t\t;/'
mutant timeout_lasts_until_cleaned clean 'timeout' \
    $clean 's/^\t\tflow_add_totals(f, &e);/\t\tflow_add_totals(f, \&e), e.duration = e.timestamp - f->first;/'
mutant no_sign_of_life clean 'pieces' $kern 's/% PPING_CLEANUP_PIECE == 0/== ~0ULL/'

# --- floods
mutant door_of_one_way flood 'flood_between' $flow 's/i < PPING_DOOR_WAYS; i++/i < 1; i++/' \
    $flow 's/ % PPING_DOOR_WAYS;/ % 1;/'
mutant door_overwrites_at_random flood 'flood_between' \
    $flow 's/__sync_fetch_and_add(&door->next, 1) % PPING_DOOR_WAYS/(hash >> 20) % PPING_DOOR_WAYS/'
mutant second_packet_opens flood 'pairs' $flow 's/ || admission == FLOW_KNOWN//'
mutant waiting_flows_count_again flood 'no_flood' $flow 's/if (admission != FLOW_KNOWN)$/if (1)/'
mutant hash_without_seeds flood 'crafted' \
    $flow '/^static __always_inline __u64 flow_hash/,/^}/{s/config.spill_seed\[0\]/0x2545f4914f6cdd1dULL/;s/config.spill_seed\[1\]/0x9fb21c651e98df25ULL/;s/config.spill_seed\[2\]/0xd6e8feb86659fd93ULL/}'
mutant ipv6_hash_without_key flood 'crafted' $flow 's/word\[i\] + key\[i\]/word[i]/' \
    $flow 's/word\[i + 1\] + key\[i + 1\]/word[i + 1]/'

# --- two CPUs
mutant fault_5_race_for_an_answer race 'fault_5' \
    $match 's/__sync_val_compare_and_swap(&d->slot\[i\], word, 0) != word)/(d->slot[i] = 0))/'
mutant race_for_an_identifier race 'fault_5|one_round' \
    $match 's/seen = __sync_val_compare_and_swap(newest, shown, mine);/*newest = mine; seen = shown;/' \
    $match 's/if (__sync_val_compare_and_swap(&d->slot\[slot\], word, slot_word(id, now)) != word)/d->slot[slot] = slot_word(id, now); if (0)/'
mutant time_of_after_it_was_shown race 'stops' $match 's/^\tif (wanted)$/\tif (0)/'
mutant time_of_after_it_was_taken race 'stops' \
    $match '/^static __always_inline __u64 match_take/,/^}/{s/^\t\*now = host__now(h);/\t;/;s/^\tage = \*now/\t*now = host__now(h), age = *now/}'
mutant answered_before_it_is_looked_up race 'stops' \
    $match '/^static __noinline int match_answer/,/^}/s/rtt = match_take/__sync_lock_test_and_set(\&f->answered[dir], PPING_VALID | p->echo), rtt = match_take/'
mutant answered_identifiers_are_stamped race 'answered_identifier' \
    $match 's/if (unlikely(match_is_late(f, dir, id)))/if (0)/'
mutant race_for_a_round race 'one_sample' \
    $round 's/if (round & ROUND_DONE)$/if (0)/'
mutant race_for_the_announcement race 'once' \
    $flow 's/return __sync_fetch_and_or(&f->state, bits);/__u32 before = f->state; f->state = before | bits; return before;/'
mutant fault_6_existing_flow_is_a_failure race 'fault_6' \
    $host 's/if (!bpf_map_update_elem(&flows, key, init, BPF_NOEXIST))/if (bpf_map_update_elem(\&flows, key, init, BPF_NOEXIST)) return NULL; else/'
mutant race_for_the_rtts race 'threads' $match 's/__sync_fetch_and_add(&f->rtts, 1);/f->rtts++;/'
mutant race_for_the_counters race 'counters' \
    $match 's/__sync_fetch_and_add(&count->packets, p->segments);/count->packets += p->segments;/'

# --- aggregation
aggregate=engine/aggregate.h
mutant aggregate_hint_read_twice aggregate 'nothing_lost' \
    $prefixes '/owns_prefix(\*at, key)/{n;s/place/*hint/}'
mutant aggregate_hint_believed aggregate 'nothing_lost|full' \
    $prefixes 's/if (likely(\*at && owns_prefix(\*at, key)))/if (likely(*at))/'
mutant aggregate_places_leak aggregate 'created' $prefixes 's/	bpf_map_push_elem(&prefix_places.*//'
mutant aggregate_full_table_has_a_place aggregate 'full' \
    $prefixes '/PPING_COUNT_PREFIXES_FULL/{n;s/OTHER/FIRST/}'
mutant aggregate_race_for_a_bin aggregate 'nothing_lost' \
    $aggregate 's/__sync_fetch_and_add(&rtts->bin\[bin\], 1);/rtts->bin[bin]++;/'
mutant aggregate_race_for_the_packets aggregate 'nothing_lost' \
    $aggregate 's/if (config.prefix_private) {/if (1) {/'
mutant aggregate_never_reversed aggregate 'belong' \
    $aggregate 's/config.aggregate_reverse ? p->prefix\[1\] : p->prefix\[0\]/p->prefix[0]/'
mutant aggregate_tcp_unread_without_T aggregate 'by_kind' \
    $packet 's/return config.track_tcp || config.aggregate;/return config.track_tcp;/'
mutant aggregate_ecn_of_ipv6 aggregate 'by_kind' \
    $packet 's/ip->class_flow\[0\] >> 4;/ip->class_flow[0] >> 2;/'
mutant aggregate_ipv6_fragments aggregate 'by_kind' $packet 's/\*next = ext.next; .*//'
mutant aggregate_segments_uncounted aggregate 'by_kind' $kern 's/if (!segments && size .*/if (0)/'

# --- what is left out
rules=engine/rules.h
mutant rules_of_one_end rules 'random' $rules 's/	key.addr = t->daddr;/	key.addr = t->saddr;/'
mutant rules_include_in_spite rules 'random' \
    pping.h 's/(rules & (PPING_RULE_INCLUDED | PPING_RULE_EXCLUDED)) != PPING_RULE_INCLUDED/!(rules \& PPING_RULE_INCLUDED)/' \
    $rules 's/if (rules & PPING_RULE_EXCLUDED)$/if (0)/' \
    $rules 's/ && !(rules & PPING_RULE_EXCLUDED) &&/ \&\&/'
mutant rules_of_the_others_port rules 'random' \
    $rules 's/key.port = t->dport;/key.port = t->sport;/' \
    $rules '/key.addr = t->saddr;/{n;s/key.port = t->sport;/key.port = t->dport;/}'
mutant rules_of_an_echo_identifier rules 'random' $rules 's/t->protocol == IPPROTO_TCP)/1)/'
mutant rules_only_of_flows rules 'aggregates|kept' \
    $match 's/if (!wanted && !counted)/if (!wanted)/'
mutant rules_asked_after_the_prefix rules 'kept|aggregates' \
    $match '/^static __always_inline void match_by_rules/,/^}/{s/	if (counted)/	if (0)/;s/	p->rules = host/	if (counted) aggregate_packet(h, p); p->rules = host/}'
mutant rules_asked_by_every_packet rules 'ask_nothing' \
    $match 's/if ((!f || !rules_let_in(f->state, p->rules)) &&/if (1 \&\&/'
mutant rules_never_asked_again rules 'flows_go' \
    $match 's/if ((!f || !rules_let_in(f->state, p->rules)) &&/if (!f \&\&/'
mutant rules_leave_the_flow rules 'flows_go' \
    $match '/^static __always_inline void match_by_rules/,/^}/s/flow_remove(h, &key);/;/'
mutant rules_announce_the_end rules 'with_a_pass' $kern 's/if (config.rules && rules_drop_flow(f, &key))/if (0)/'
mutant rules_pass_marks_nothing rules 'with_a_pass' $clean 's/rules_renew(state, generation));/state);/'
mutant rules_left_in_the_blank rules 'flows_go' $flow 's/if (config.rules) \/\* these may.*/if (0)/'

# --- several interfaces
mutant interfaces_forwarded_counts_twice interfaces 'once' $kern 's/if (was_counted(ctx, way))/if (0)/'
mutant interfaces_arrivals_dont_count interfaces 'arrivals' $kern 's/ || way != PPING_MATCH_EGRESS//'
mutant interfaces_low_bits_are_enough interfaces 'once|without' \
    $kern 's/return word & same >> 32 & PPING_IFINDEX_MASK;/return word \& PPING_IFINDEX_MASK;/'
mutant interfaces_events_without_number interfaces 'borne' $host 's/event->interface = h->number;/;/'
mutant interfaces_counted_together interfaces 'borne' $kern 's/h->number = find_number(\*ifindex);/;/'

wait
sort "$work/verdicts"
escaped=$(grep -c '^not ok' "$work/verdicts")
echo "$(grep -c '^ok' "$work/verdicts") mutants noticed, $escaped not"
[ "$escaped" = 0 ] && [ -s "$work/verdicts" ]
