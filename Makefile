# SPDX-License-Identifier: GPL-2.0-or-later
# make, make test, make test-kernels, make test-packages, make test-compilers, make test-architectures,
# make bench, make bench-compare BASE=rev, make fuzz, make install DESTDIR= PREFIX=, make uninstall,
# make dist, make clean; V=1 shows the commands, DEV=1 turns warnings into errors, SAN=1 builds with
# ASan and UBSan, WITH_NAME=0 leaves an optional library out.

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# Only here and in debian/changelog; tests/packages/test_version.sh compares them.
VERSION := $(shell sed -n 's/^.define PPING_VERSION "\(.*\)"/\1/p' pping.h)

CLANG ?= clang
# Ubuntu's is a wrapper that wants the running kernel's own package.
BPFTOOL ?= $(firstword $(shell for tool in bpftool /usr/sbin/bpftool /usr/lib/linux-tools*/bpftool \
	/usr/lib/linux-tools/*/bpftool; do $$tool version >/dev/null 2>&1 && echo $$tool; done; true) bpftool)
PKG_CONFIG ?= pkg-config
INSTALL ?= install
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
COMPDIR ?= $(PREFIX)/share/bash-completion/completions
# where systemd looks, also on a machine without it; UNITDIR= installs nothing of it
UNITDIR ?= $(or $(shell $(PKG_CONFIG) --variable=systemdsystemunitdir systemd 2>/dev/null),/lib/systemd/system)
DEFAULTDIR ?= /etc/default
# 1 also installs what the unit needs on kernels with a perf_event_paranoid above 2, such as Debian's
PARANOID ?= $(shell test 2 -lt "$$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null || echo 0)" && echo 1)
BUILD ?= build

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-8s%s\n'
endif

# CFLAGS, CPPFLAGS and LDFLAGS are the user's. No path of where it was built gets into the program.
CFLAGS ?= -O2 -g
NO_PATHS = -ffile-prefix-map=$(CURDIR)=.
DEFS = -I. -I$(BUILD) -D_GNU_SOURCE $(NO_PATHS)
WARN = -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
ifeq ($(DEV),1)
WARN += -Werror -Wshadow -Wpointer-arith -Wvla
endif
ifeq ($(SAN),1)
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif
LIBS := $(shell $(PKG_CONFIG) --libs libbpf libxdp 2>/dev/null || echo -lxdp -lbpf) -lelf -lz

# Libraries that may be missing, $(call optional,NAME,PKG-CONFIG-MODULE,WHAT IT IS FOR): found, the code
# sees HAVE_NAME; WITH_NAME=0 leaves it out. What is left out is said when the program is linked.
OPTIONAL :=
LEFT_OUT :=
define optional_library
WITH_$(1) ?= $(shell $(PKG_CONFIG) --exists $(2) 2>/dev/null && echo 1 || echo 0)
ifeq ($$(WITH_$(1)),1)
DEFS += -DHAVE_$(1)=1 $(shell $(PKG_CONFIG) --cflags $(2) 2>/dev/null)
LIBS += $(shell $(PKG_CONFIG) --libs $(2) 2>/dev/null)
OPTIONAL += $(1)
else
LEFT_OUT += $(2) ($(3))
endif
endef
optional = $(eval $(call optional_library,$(1),$(2),$(3)))

$(call optional,PCAP,libpcap,for --read)
$(call optional,MICROHTTPD,libmicrohttpd,for --metrics)
$(call optional,NETTLE,nettle,for --anonymize)
$(call optional,ZSTD,libzstd,for --compress zstd)
$(call optional,SECCOMP,libseccomp,for the filter of system calls)

# The BPF side has the byte order of what $(CC) compiles for, and sees its uapi headers (SYSROOT: not
# this machine's). clang's bpf target knows no architecture, and none of the flags that harden a program.
BPF_TARGET := $(if $(filter __ORDER_BIG_ENDIAN__,$(shell $(CC) -dM -E -x c /dev/null 2>/dev/null | \
	sed -n 's/^.define __BYTE_ORDER__ //p')),bpfeb,bpfel)
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null || $(CC) -dumpmachine 2>/dev/null | sed 's/-pc-/-/')
BPF_CFLAGS = -O2 -g -target $(BPF_TARGET) -mcpu=v3 -Wall -Wno-unused-function -I. $(NO_PATHS) \
	$(if $(SYSROOT),-nostdlibinc -isystem $(SYSROOT)/usr/include) \
	$(if $(MULTIARCH),-I$(SYSROOT)/usr/include/$(MULTIARCH))
BPF_WARN = $(if $(filter 1,$(DEV)),-Werror)

SRC := $(wildcard src/*.c)
OBJ := $(SRC:src/%.c=$(BUILD)/src/%.o)
LIB := $(BUILD)/libpping.a
SKEL := $(BUILD)/pping.skel.h
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
BPFTESTS := $(patsubst tests/bpf/%.c,$(BUILD)/bpf/%,$(wildcard tests/bpf/test_*.c))
MAKE_CAPTURES := $(BUILD)/captures/make_captures
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
ifeq ($(WITH_PCAP),0)
FUZZERS := $(filter-out %/fuzz_capture,$(FUZZERS))
endif
FUZZ_SECONDS ?= 30
FUZZ_PARTS = src/prefix_table.c src/aggregate.c src/rules.c src/rule.c src/prefix.c
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))

all: pping docs/pping.8 $(BUILD)/pping.bash $(BUILD)/pping@.service

pping: $(BUILD)/pping.o $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@
	$(if $(LEFT_OUT),$(say) WITHOUT "$(strip $(LEFT_OUT))")

# A shared library that can't be asked for its version.
$(BUILD)/src/options_print.o: DEFS += \
	-DLIBXDP_VERSION='"$(or $(shell $(PKG_CONFIG) --modversion libxdp 2>/dev/null),unknown)"'

# Changes when another set of optional libraries is asked for: what was compiled with the old one is not used.
$(BUILD)/optional: FORCE | $(BUILD)/src
	$(Q)echo "$(OPTIONAL)" | cmp -s - $@ || echo "$(OPTIONAL)" > $@

$(BUILD)/pping.o: pping.c $(SKEL) $(BUILD)/optional | $(BUILD)/src
	$(say) CC $<
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c $< -o $@

$(BUILD)/src/%.o: src/%.c $(SKEL) $(BUILD)/optional | $(BUILD)/src
	$(say) CC $<
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c $< -o $@

$(LIB): $(OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/pping.bpf.o: pping_kern.c | $(BUILD)/src
	$(say) BPF $@
	$(Q)$(CLANG) $(BPF_CFLAGS) $(BPF_WARN) -MMD -MP -MF $(BUILD)/pping.bpf.d -c $< -o $@
	$(Q)llvm-strip -g $@ 2>/dev/null || llvm-strip-14 -g $@ 2>/dev/null || true

$(SKEL): $(BUILD)/pping.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name pping_kern > $@

$(BUILD)/src $(BUILD)/unit $(BUILD)/bpf $(BUILD)/bench $(BUILD)/captures $(BUILD)/fuzz:
	$(Q)mkdir -p $@

# The man page's OPTIONS and the completion come out of the program's option table.
docs/pping.8: docs/pping.8.in pping
	$(say) MAN $@
	$(Q)./pping --print-man | awk 'FNR == NR { table = table $$0 "\n"; next } \
		/^@OPTIONS@$$/ { printf "%s", table; next } \
		{ sub(/@VERSION@/, "$(VERSION)"); print }' - docs/pping.8.in > $@

$(BUILD)/pping.bash: pping
	$(say) COMP $@
	$(Q)./pping --print-completion > $@

# The unit names the program where it will be. Not older than how it was made: BINDIR may differ.
$(BUILD)/pping@.service: systemd/pping@.service.in FORCE | $(BUILD)/src
	$(Q)sed 's,@BINDIR@,$(BINDIR),' $< > $@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# --- tests -------------------------------------------------------------------
$(BUILD)/unit/%: tests/unit/%.c tests/unit/test.h $(LIB) | $(BUILD)/unit
	$(say) TEST $@
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(WARN) -MMD -MP -MF $@.d $< $(LIB) $(LIBS) -o $@

$(BUILD)/bpf/%: tests/bpf/%.c $(LIB) $(SKEL) | $(BUILD)/bpf
	$(say) TEST $@
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(WARN) -MMD -MP -MF $@.d $< $(LIB) $(LIBS) -o $@

$(BUILD)/bench/floor.skel.h: tests/bench/floor_kern.c | $(BUILD)/bench
	$(say) BPF $@
	$(Q)$(CLANG) $(BPF_CFLAGS) $(BPF_WARN) -MMD -MP -MF $(BUILD)/bench/floor.d \
		-MT $@ -c $< -o $(BUILD)/bench/floor.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $(BUILD)/bench/floor.bpf.o name floor_kern > $@

$(BUILD)/bench/%: tests/bench/%.c $(LIB) $(SKEL) $(BUILD)/bench/floor.skel.h | $(BUILD)/bench
	$(say) BENCH $@
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(WARN) -MMD -MP -MF $@.d $< $(LIB) $(LIBS) -lm -o $@

$(MAKE_CAPTURES): tests/captures/make_captures.c | $(BUILD)/captures
	$(say) TEST $@
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(WARN) -MMD -MP -MF $@.d $< -o $@

# The fuzzers contain the engine's host: clang's sanitizers see all of it.
$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_PARTS) | $(BUILD)/fuzz
	$(say) FUZZ $@
	$(Q)$(CLANG) $(DEFS) $(CPPFLAGS) -O1 -g $(WARN) -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -MMD -MP -MF $@.d $< $(FUZZ_PARTS) \
		$(if $(filter PCAP,$(OPTIONAL)),-lpcap) -o $@

unit-tests: $(UNIT)
bpf-tests: $(BPFTESTS)
capture-tests: $(MAKE_CAPTURES)

# FUZZ_SECONDS=0 runs the corpus only.
fuzz: $(FUZZERS)
	$(Q)tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

test: all unit-tests bpf-tests capture-tests $(BUILD)/bench/pour
	$(Q)tests/run

# Packages in clean trees of Debian releases; compilers; other processors: what each needs and does is
# said at its top. They take minutes, and none is part of "make test".
test-packages:
	$(Q)tests/packages/run

test-compilers:
	$(Q)tests/packages/compilers

test-architectures:
	$(Q)tests/packages/architectures

# Boots Debian's kernels under qemu; fetches them, and takes some minutes.
test-kernels: all $(BUILD)/bpf/test_features
	$(Q)tests/kernels/run

benches: all $(BENCHES) $(BUILD)/bench/pour

# BENCH=REGEX picks parts; all take about ten minutes.
bench: benches
	$(Q)tests/bench/run

# BASE=REV: this tree against another one.
bench-compare:
	$(Q)tests/bench/compare

# --- install -----------------------------------------------------------------
install: all
	$(Q)$(INSTALL) -D -m 755 pping $(DESTDIR)$(BINDIR)/pping
	$(Q)$(INSTALL) -D -m 644 docs/pping.8 $(DESTDIR)$(MANDIR)/man8/pping.8
	$(Q)$(INSTALL) -D -m 644 $(BUILD)/pping.bash $(DESTDIR)$(COMPDIR)/pping
ifneq ($(UNITDIR),)
	$(Q)$(INSTALL) -D -m 644 $(BUILD)/pping@.service $(DESTDIR)$(UNITDIR)/pping@.service
	$(if $(filter 1,$(PARANOID)),$(Q)$(INSTALL) -D -m 644 systemd/perf-paranoid.conf \
		$(DESTDIR)$(UNITDIR)/pping@.service.d/perf-paranoid.conf)
	$(Q)[ -e $(DESTDIR)$(DEFAULTDIR)/pping ] || \
		$(INSTALL) -D -m 644 systemd/pping.default $(DESTDIR)$(DEFAULTDIR)/pping
endif

# Settings that somebody changed stay.
uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(BINDIR)/pping $(MANDIR)/man8/pping.8 $(COMPDIR)/pping \
		$(if $(UNITDIR),$(UNITDIR)/pping@.service $(UNITDIR)/pping@.service.d/perf-paranoid.conf))
	$(Q)$(if $(UNITDIR),rmdir $(DESTDIR)$(UNITDIR)/pping@.service.d 2>/dev/null || true)
	$(Q)! cmp -s systemd/pping.default $(DESTDIR)$(DEFAULTDIR)/pping || rm -f $(DESTDIR)$(DEFAULTDIR)/pping

# The last commit, or in a tarball the files it came with: twice the same makes the same bytes.
DIST := pping-$(VERSION)
dist:
	$(say) DIST $(DIST).tar.xz
	$(Q)tests/packages/dist $(BUILD)/dist $(DIST) && mv $(BUILD)/dist/$(DIST).tar.xz .

clean:
	$(Q)rm -rf $(BUILD) pping docs/pping.8 compile_commands.json pping-*.tar.xz

format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

compile_commands.json: Makefile
	$(Q)command -v bear >/dev/null && bear -- $(MAKE) -B all >/dev/null

-include $(wildcard $(BUILD)/*.d $(BUILD)/src/*.d $(BUILD)/unit/*.d $(BUILD)/bpf/*.d $(BUILD)/bench/*.d \
	$(BUILD)/captures/*.d $(BUILD)/fuzz/*.d)

FORCE:

.PHONY: FORCE all test test-kernels test-packages test-compilers test-architectures bench benches bench-compare \
	fuzz install uninstall dist clean format unit-tests bpf-tests capture-tests
