# SPDX-License-Identifier: GPL-2.0-only
#
# make            build everything into $(O)
# make demo       install packages, build, profile a real program, print its report
# make check      install what tests need, run every test
# make bench      cost per probed call, beside an empty probe and peers, as ratios
# make bench-budget   what `hotpath attach PID` costs real programs at full load; 6 minutes
# make deps       Debian packages needed to build
# make install    DESTDIR= PREFIX=/usr/local; make uninstall
# make fuzz       parsers of hostile bytes, FUZZ_SECONDS each
#
# V=1 shows commands, O=dir builds there, SAN=address,undefined instruments.

O      ?= build
PREFIX ?= /usr/local
CC     ?= gcc
CLANG  ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0

DEPS_BUILD := make gcc clang llvm libbpf-dev bpftool libelf-dev libdw-dev zlib1g-dev \
	liblzma-dev protobuf-c-compiler libprotobuf-c-dev libsystemd-dev libzydis-dev \
	libiberty-dev libjansson-dev libpcre2-dev pkg-config
DEPS_DEMO := redis-server redis-tools
DEPS_CHECK := $(DEPS_DEMO) g++ libcmocka-dev python3 python3-jsonschema nginx-light \
	postgresql sqlite3 libsqlite3-dev bpftrace util-linux binutils procps xz-utils \
	ripgrep cmake valgrind linux-perf
# Compilers of the hazards' programs, unless others are there.
DEPS_CHECK += $(if $(shell command -v rustc),,rustc) $(if $(shell command -v go),,golang-go)
DEPS_BENCH := $(DEPS_CHECK) wrk linux-perf
DEPS_FUZZ := libclang-rt-14-dev

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

WARN := -Wall -Wextra -Wno-unused-parameter -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2 -Wno-format-nonliteral
ifneq ($(CI),)
WARN += -Werror
endif
OPT ?= -O2 -g
CFLAGS_ALL := -std=gnu11 $(OPT) $(WARN) -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fPIE -DHOTPATH_VERSION='"$(VERSION)"' -I$(O)/gen -I. $(CFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now $(LDFLAGS)
ifneq ($(SAN),)
CFLAGS_ALL := $(filter-out -D_FORTIFY_SOURCE=2,$(CFLAGS_ALL)) -fsanitize=$(SAN) \
	-fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS_ALL += -fsanitize=$(SAN)
endif

LIBS_LIB    := -lprotobuf-c -lz -lm
LIBS_DAEMON := -lbpf -lelf -lsystemd -lpthread $(LIBS_LIB)
LIBS_READER := -ldw -lelf -llzma -lZydis -lZycore -lpcre2-8 -liberty $(LIBS_LIB)
LIBS_CLI    := -ljansson -lpcre2-8 -liberty $(LIBS_LIB)

PROTOS   := snapshot reader wire
PB_C     := $(PROTOS:%=$(O)/gen/%.pb-c.c)
PB_H     := $(PROTOS:%=$(O)/gen/%.pb-c.h)
PB_OBJ   := $(PROTOS:%=$(O)/gen/%.pb-c.o)
BPF_SRC  := $(wildcard bpf/*.bpf.c)
SKELS    := $(BPF_SRC:bpf/%.bpf.c=$(O)/gen/%.skel.h)

# Objects depend on how they are compiled: other flags or another compiler make them
# anew.
FLAGS_STAMP := $(O)/gen/flags
FLAGS_NOW   := $(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(CLANG)
ifneq ($(file <$(FLAGS_STAMP)),$(FLAGS_NOW))
$(shell mkdir -p $(O)/gen)
$(file >$(FLAGS_STAMP),$(FLAGS_NOW))
endif

obj = $(patsubst %.c,$(O)/%.o,$(1))
LIB_OBJ    := $(call obj,$(wildcard lib/*.c)) $(PB_OBJ)
DAEMON_OBJ := $(call obj,$(wildcard daemon/*.c))
READER_OBJ := $(call obj,$(wildcard daemon/reader/*.c))
CLI_OBJ    := $(call obj,$(wildcard cli/*.c))
ALL_OBJ    := $(LIB_OBJ) $(DAEMON_OBJ) $(READER_OBJ) $(CLI_OBJ)

BINARIES := $(O)/hotpathd $(O)/hotpath-reader $(O)/hotpath

.PHONY: all
all: $(BINARIES)
	@:

$(O)/hotpathd: $(DAEMON_OBJ) $(O)/libhotpath.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_DAEMON)

$(O)/hotpath-reader: $(READER_OBJ) $(O)/libhotpath.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_READER)

$(O)/hotpath: $(CLI_OBJ) $(O)/libhotpath.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_CLI)

$(O)/libhotpath.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/gen/%.pb-c.c $(O)/gen/%.pb-c.h: lib/%.proto
	$(say) PROTOC $<
	$(Q)mkdir -p $(@D) && protoc-c -Ilib --c_out=$(O)/gen $<

$(O)/gen/%.pb-c.o: $(O)/gen/%.pb-c.c $(FLAGS_STAMP) | $(PB_H)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(O)/gen/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $@
	$(Q)mkdir -p $(@D) && $(CLANG) -target bpf -mcpu=v3 -O2 -g -D__TARGET_ARCH_x86 -Wall -Werror \
		-Wno-missing-declarations -I. -Ivmlinux -Ibpf -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(O)/gen/%.skel.h: $(O)/gen/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@.tmp && mv $@.tmp $@

$(O)/%.o: %.c $(FLAGS_STAMP) | $(PB_H) $(SKELS)
	$(say) CC $@
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(ALL_OBJ:.o=.d) $(SKELS:.skel.h=.bpf.d)
.SECONDARY:
.DELETE_ON_ERROR:

# --- tests, each in its folder's own file ----------------------------------
include selftests/Makefile.inc

# --- packages ---------------------------------------------------------------
# Quiet and instant when everything is there; the package index is refreshed
# only when a package is missing and an install from the present index fails.
.PHONY: deps deps-demo deps-check deps-bench deps-fuzz
deps:
	$(Q)selftests/lib/deps $(DEPS_BUILD)
deps-demo:
	$(Q)selftests/lib/deps $(DEPS_BUILD) $(DEPS_DEMO)
deps-check:
	$(Q)selftests/lib/deps $(DEPS_BUILD) $(DEPS_CHECK)
deps-bench:
	$(Q)selftests/lib/deps $(DEPS_BUILD) $(DEPS_BENCH)
deps-fuzz:
	$(Q)selftests/lib/deps $(DEPS_BUILD) $(DEPS_FUZZ)

# --- install ----------------------------------------------------------------
BINDIR     := $(DESTDIR)$(PREFIX)/bin
SBINDIR    := $(DESTDIR)$(PREFIX)/sbin
LIBEXECDIR := $(DESTDIR)$(PREFIX)/libexec/hotpath
INCLUDEDIR := $(DESTDIR)$(PREFIX)/include
UNITDIR    := $(DESTDIR)$(PREFIX)/lib/systemd/system
MANDIR     := $(DESTDIR)$(PREFIX)/share/man
DOCDIR     := $(DESTDIR)$(PREFIX)/share/doc/hotpath
UNITS      := $(wildcard daemon/systemd/*.in)

.PHONY: install uninstall
install: all
	$(Q)install -d $(BINDIR) $(SBINDIR) $(LIBEXECDIR) $(INCLUDEDIR) $(UNITDIR) $(DOCDIR)
	$(Q)install -m 755 $(O)/hotpath $(BINDIR)/hotpath
	$(Q)install -m 755 $(O)/hotpathd $(SBINDIR)/hotpathd
	$(Q)install -m 755 $(O)/hotpath-reader $(LIBEXECDIR)/hotpath-reader
	$(Q)for h in $(wildcard usdt/*.h); do install -m 644 $$h $(INCLUDEDIR)/; done
	$(Q)for u in $(UNITS); do sed 's|@PREFIX@|$(PREFIX)|g' $$u > $(UNITDIR)/$$(basename $$u .in); done
	$(Q)for m in $(wildcard docs/*.[1-8]); do d=$(MANDIR)/man$${m##*.}; install -d $$d && install -m 644 $$m $$d/; done
	$(Q)install -m 644 docs/report.schema.json $(DOCDIR)/
	$(Q)if [ -z "$(DESTDIR)" ] && ! getent group hotpath >/dev/null; then groupadd --system hotpath; fi

uninstall:
	$(Q)rm -f $(BINDIR)/hotpath $(SBINDIR)/hotpathd $(DOCDIR)/report.schema.json
	$(Q)rm -rf $(LIBEXECDIR)
	$(Q)for h in $(notdir $(wildcard usdt/*.h)); do rm -f $(INCLUDEDIR)/$$h; done
	$(Q)for u in $(notdir $(UNITS:.in=)); do rm -f $(UNITDIR)/$$u; done
	$(Q)for m in $(notdir $(wildcard docs/*.[1-8])); do rm -f $(MANDIR)/man$${m##*.}/$$m; done
	$(Q)-rmdir $(DOCDIR) 2>/dev/null || :

.PHONY: clean
clean:
	$(Q)rm -rf $(O)
