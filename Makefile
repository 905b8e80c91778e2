# qmpctl: make, make demo, make check, make lint, make bench, make install. V=1 shows the commands.
# Longer: make check-long, make fuzz, make valgrind, make coverage.
#
# A file is built by lying in the right folder:
#   proto/*.c      libqmpclient        planner/*.c   libmemplan
#   qmpctl/**/*.c  the program         tests/support, tests/lab   what the tests share
#   tests/unit/*_test.c, tests/real/*_test.c   a cmocka suite each (real: with QEMU and a guest)
#   tests/fuzz/*_fuzz.c   a libFuzzer target each     tests/bench/*.c   a benchmark each
VERSION := 0.1.0

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKG_CONFIG ?= pkg-config
OBJCOPY    ?= objcopy
CLANG      ?= clang

ROOT := build
ifeq ($(SANITIZE),1)
  BUILD := $(ROOT)/sanitize
  VARIANT := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(COVERAGE),1)
  BUILD := $(ROOT)/coverage
  VARIANT := --coverage
  CFLAGS ?= -O0 -g
else ifeq ($(FUZZ),1)
  BUILD := $(ROOT)/fuzz
  CC := $(CLANG)
  VARIANT := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
else
  BUILD := $(ROOT)
  VARIANT := -D_FORTIFY_SOURCE=2
endif
CFLAGS ?= -O2 -g
# Where the guest image and the other QEMU versions are kept: shared by all variants.
LAB := $(abspath $(ROOT)/lab)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
ifneq ($(WERROR)$(CI),)
  WARNINGS += -Werror
endif
HARDENING := -fstack-protector-strong -fPIC
LINK_HARDENING := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed

deps_flags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
deps_libs  = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
RUN_DEPS := libevent_core jansson
PROGRAM_DEPS := $(RUN_DEPS) expat

# What the files of a folder may see: the compiler keeps the walls of the house.
includes_proto   := -Iproto
includes_planner := -Iplanner
includes_qmpctl  := -Iqmpctl -Iproto -Iplanner
includes_tests   := -Itests $(includes_qmpctl)
includes = $(includes_$(firstword $(subst /, ,$<)))

ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DQMPCTL_VERSION='"$(VERSION)"' -fvisibility=hidden -MMD -MP \
    $(includes) $(WARNINGS) $(HARDENING) $(VARIANT) \
    $(call deps_flags,$(PROGRAM_DEPS)) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(filter-out -D%,$(VARIANT)) $(LINK_HARDENING) $(LDFLAGS)

ifneq ($(V),1)
  quiet = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$@)' &&
endif

# Objects have a folder of their own, since build/qmpctl is the program.
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROTO   := $(call objects,$(wildcard proto/*.c))
PLANNER := $(call objects,$(wildcard planner/*.c))
PROGRAM := $(call objects,$(wildcard qmpctl/*.c qmpctl/*/*.c))
CORE    := $(filter-out $(BUILD)/obj/qmpctl/main.o,$(PROGRAM))
SUPPORT := $(call objects,$(wildcard tests/support/*.c tests/lab/*.c))
UNIT    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*_test.c))
REAL    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/real/*_test.c))
BENCH   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*_fuzz.c))

# For the program and the tests, which look inside; and for others, who see what a header declares.
PARTS  := $(BUILD)/libproto.a $(BUILD)/libplanner.a
STATIC := $(BUILD)/libqmpclient.a $(BUILD)/libmemplan.a
SHARED := $(BUILD)/libqmpclient.so.0 $(BUILD)/libmemplan.so.0

all: $(BUILD)/qmpctl $(STATIC) $(SHARED)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC) $(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/libproto.a: $(PROTO)
$(BUILD)/libplanner.a: $(PLANNER)
$(BUILD)/libcore.a: $(CORE)
$(BUILD)/libsupport.a: $(SUPPORT)
$(BUILD)/%.a:
	$(call quiet,AR) rm -f $@ && $(AR) rcs $@ $^

# One object, in which the names that the files share are no longer anyone else's.
$(BUILD)/libqmpclient.o: $(PROTO)
$(BUILD)/libmemplan.o: $(PLANNER)
$(STATIC:.a=.o): Makefile
	$(call quiet,LD) $(LD) -r -o $@.all $(filter %.o,$^) && $(OBJCOPY) --localize-hidden $@.all $@ && rm $@.all
$(BUILD)/libqmpclient.a: $(BUILD)/libqmpclient.o
$(BUILD)/libmemplan.a: $(BUILD)/libmemplan.o

$(BUILD)/libqmpclient.so.0: $(PROTO)
	$(call quiet,LD) $(CC) -shared -Wl,--exclude-libs,ALL -Wl,-soname,libqmpclient.so.0 $(filter-out -pie,$(ALL_LDFLAGS)) -o $@ $^ $(call deps_libs,$(RUN_DEPS))
$(BUILD)/libmemplan.so.0: $(PLANNER)
	$(call quiet,LD) $(CC) -shared -Wl,--exclude-libs,ALL -Wl,-soname,libmemplan.so.0 $(filter-out -pie,$(ALL_LDFLAGS)) -o $@ $^

$(BUILD)/qmpctl: $(PROGRAM) $(PARTS)
$(BUILD)/qmpctl $(UNIT) $(REAL) $(BENCH):
	@mkdir -p $(@D)
	$(call quiet,LD) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(call deps_libs,$(PROGRAM_DEPS)) $(LIBS)

$(UNIT) $(REAL) $(BENCH): LIBS = $(call deps_libs,cmocka)
$(UNIT) $(REAL) $(BENCH): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/libsupport.a $(BUILD)/libcore.a $(PARTS)

# Plays against the same model as job_test. Objects come before the libraries that they need.
$(BUILD)/tests/fuzz/operation_fuzz: $(BUILD)/obj/tests/support/model.o $(BUILD)/obj/tests/support/dimm.o
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/libcore.a $(PARTS)
	@mkdir -p $(@D)
	$(call quiet,LD) $(CC) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(call deps_libs,$(PROGRAM_DEPS))

clean:
	rm -rf $(ROOT)

# ---- what people call ----

# Each installs what it needs first, then builds in a make of its own, which sees the new packages.
check:
	@scripts/setup build test
	@$(MAKE) --no-print-directory tests
	@tests/run $(BUILD) $(LAB)

# The same, with every case of the matrices and every cycle.
check-long:
	@QMPCTL_LONG=1 SUITE_SECONDS=7200 $(MAKE) --no-print-directory check

# Benchmarks are built with the tests, so that they do not rot, and run by "make bench" alone.
tests: all benchmarks $(UNIT) $(REAL)

demo:
	@scripts/setup build test
	@$(MAKE) --no-print-directory all
	@scripts/demo $(BUILD)/qmpctl $(LAB)

lint:
	@scripts/setup build test lint
	@scripts/lint

fuzz:
	@scripts/setup build fuzz
	@$(MAKE) --no-print-directory FUZZ=1 fuzzers
	@scripts/fuzz $(ROOT)/fuzz $(or $(FUZZ_SECONDS),60)

fuzzers: $(FUZZERS)

# The client's own suites, those that play a server's faults; and those that run the program: each
# of its runs is under valgrind, too. As many at once as there are CPUs.
VALGRIND_SUITES := real/contract unit/command_plug $(addprefix unit/, \
    robust client deadline flow destroy address connect busy_monitor busy_tcp system_fails holder \
    tcp_sockets bare_client codec framer request text)
valgrind: export VALGRIND_OPTS := -q --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite --error-exitcode=9
valgrind: export QMPCTL := tests/qmpctl-under-valgrind
valgrind: export QMPCTL_PROGRAM := $(BUILD)/qmpctl
valgrind:
	@scripts/setup build test valgrind
	@$(MAKE) --no-print-directory tests
	@printf '%s\n' $(VALGRIND_SUITES) | xargs -P "$$(nproc)" -I SUITE sh -c ' \
	    log=$(BUILD)/valgrind-$$(basename SUITE).log; \
	    valgrind $(BUILD)/tests/SUITE_test >"$$log" 2>&1 || { cat "$$log"; exit 255; }; \
	    echo "valgrind: $$(basename SUITE): clean"'

bench:
	@scripts/setup build test bench
	@$(MAKE) --no-print-directory all benchmarks
	@for program in $(BENCH); do $$program || exit 1; done

benchmarks: $(BENCH)

coverage:
	@scripts/setup build test coverage
	@$(MAKE) --no-print-directory COVERAGE=1 tests
	@tests/run $(ROOT)/coverage $(LAB)
	@for part in proto planner qmpctl; do \
	    printf '%s: ' $$part; \
	    gcovr --root . --filter "$$part/" $(ROOT)/coverage/obj/$$part --branches | tail -n 2 | head -n 1; \
	done

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 755 $(BUILD)/qmpctl $(DESTDIR)$(BINDIR)/
	install -m 644 proto/qmpclient.h planner/memplan.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(STATIC) $(SHARED) $(DESTDIR)$(LIBDIR)/
	ln -sf libqmpclient.so.0 $(DESTDIR)$(LIBDIR)/libqmpclient.so
	ln -sf libmemplan.so.0 $(DESTDIR)$(LIBDIR)/libmemplan.so
	for file in proto/qmpclient planner/memplan; do \
	    sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	        -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
	        $$file.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/$${file#*/}.pc || exit 1; \
	done

.PHONY: all clean check check-long tests demo lint fuzz fuzzers valgrind bench benchmarks coverage install
.SECONDARY:

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
