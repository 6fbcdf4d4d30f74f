# make               ./deadpeer
# make demo          installs what is missing, builds, plays every death there is
# make test          everything there is to run (make test-unit, test-net, test-compat: a part)
# make test-long     what takes longer than ten minutes
# make bench         deadpeer beside haproxy; how precise delays and bandwidth are
# make fuzz          what is read from outside, with libFuzzer: FUZZ_SECONDS=60 for each target
# make install       PREFIX=/usr/local DESTDIR= TOXIPROXY_COMPAT=yes (toxiproxy-server and -cli are then deadpeer)
# make format        rewrites the sources by .clang-format
#
# CC=clang and SANITIZER=address,undefined work with each of them and build apart from the rest.

PREFIX    ?= /usr/local
DESTDIR   ?=
SANITIZER ?=
ifeq ($(origin CC),default)
CC        := gcc
endif

VERSION := 0.1.0
comma   := ,
BUILD   := build/$(notdir $(CC))$(if $(SANITIZER),-$(subst $(comma),-,$(SANITIZER)))
PKGS    := libevent_core libevent_extra inih jansson libmd

CFLAGS   ?= -O2 -g
override CFLAGS += -std=c17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wpointer-arith -Wvla -Wwrite-strings -Wno-missing-field-initializers -Werror \
    -fno-common $(if $(SANITIZER),-fsanitize=$(SANITIZER) -fno-omit-frame-pointer -fno-sanitize-recover=all)
override CPPFLAGS += -D_GNU_SOURCE -DDEADPEER_VERSION='"$(VERSION)"' -iquote proxy
override LDFLAGS += $(if $(SANITIZER),-fsanitize=$(SANITIZER))
LDLIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

SRC      := $(sort $(wildcard proxy/*/*.c))
OBJ      := $(SRC:proxy/%.c=$(BUILD)/proxy/%.o)
MAIN     := $(BUILD)/proxy/main.o
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/%.o)

FORMATTED := $(sort $(wildcard proxy/*.c proxy/*/*.[ch] tests/*/*.[ch]))
MAN       := man/deadpeer.1 man/deadpeer.ini.5 man/deadpeer-scenario.5
BINDIR    := $(PREFIX)/bin
MANDIR    := $(PREFIX)/share/man
DATADIR   := $(PREFIX)/share/deadpeer
TOXIPROXY_NAMES := toxiproxy-server toxiproxy-cli

# Where each shell looks for completions.
BASH_FILE := $(PREFIX)/share/bash-completion/completions/deadpeer
ZSH_FILE  := $(PREFIX)/share/zsh/site-functions/_deadpeer
FISH_FILE := $(PREFIX)/share/fish/vendor_completions.d/deadpeer.fish

# Debian's own Python: pytest and its plugins come from packages.
PYTHON := /usr/bin/python3
PYTEST := DEADPEER=$(abspath $(BUILD)/deadpeer) PYTHONDONTWRITEBYTECODE=1 \
    $(PYTHON) scripts/pytest-twice -p no:cacheprovider -ra

BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/%.o)

.PHONY: all
all: deadpeer

# One binary at the top, whichever variant was built last; the tests take theirs from $(BUILD).
.PHONY: deadpeer
deadpeer: $(BUILD)/deadpeer
	@cmp -s $< $@ || install $< $@

$(BUILD)/deadpeer: $(MAIN) $(OBJ)
	@echo '  LINK  $@'; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC    $<'; $(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit: $(UNIT_OBJ) $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs check)

# The newcomer's command: whatever is missing is installed first, so the build is a make of its own.
.PHONY: demo
demo:
	@scripts/bootstrap build
	@$(MAKE) --no-print-directory deadpeer
	./deadpeer demo

# All the parts below, one after the other; each has a time limit, and the last line sums up.
.PHONY: test
test:
	@scripts/bootstrap test
	+@$(PYTHON) scripts/run-tests

.PHONY: test-unit
test-unit: $(BUILD)/unit
	$<

# The wire alone, on loopback; root runs it as nobody, too.
WIRE_SRC := $(sort $(wildcard tests/net/wire_*.c))
$(BUILD)/wire_test: $(WIRE_SRC:%.c=$(BUILD)/%.o) \
    $(filter $(BUILD)/proxy/base/% $(BUILD)/proxy/kernel/%,$(OBJ))
	@echo '  LINK  $@'; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs check)

.PHONY: test-wire
test-wire: $(BUILD)/wire_test
	$<

# NET_ARGS and E2E_ARGS go to pytest: make test-net NET_ARGS='tests/net -k hang', make test-e2e E2E_ARGS=-x
.PHONY: test-net test-e2e
test-net: $(BUILD)/deadpeer
	DEADPEER=$(abspath $<) tests/net/run $(NET_ARGS)

test-e2e: $(BUILD)/deadpeer tests/e2e/node_modules/.package-lock.json
	$(PYTEST) -m 'not long' -n 4 --dist loadfile --timeout 120 tests/e2e $(E2E_ARGS)

# Clients for Node.js come from npm, as the folder's lock file says; without them (no npm, no
# registry) their tests are skipped.
tests/%/node_modules/.package-lock.json: tests/%/package-lock.json
	-cd $(<D) && timeout 40 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1

# Reports of verdicts made up, without a run.
$(BUILD)/render: $(BUILD)/tests/compat/render.o $(OBJ)
	@echo '  LINK  $@'; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What Toxiproxy's clients rely on, the native API and the command line: COMPAT_ARGS='-k populate'
.PHONY: test-compat
test-compat: $(BUILD)/deadpeer $(BUILD)/render $(BUILD)/unit tests/compat/node_modules/.package-lock.json
	$(PYTEST) -n 4 --timeout 60 tests/compat $(COMPAT_ARGS)

.PHONY: test-long
test-long: $(BUILD)/deadpeer
	DEADPEER=$(abspath $<) tests/net/run -n 4 -m long tests/net
	$(PYTEST) -m long tests/e2e
	scripts/check-bootstrap --fresh

# What comes from outside, mutated without end. Built by clang, apart from all the rest; what is found new
# goes to build/, a crash is kept there, too.
FUZZ         := build/fuzz
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/*_fuzz.c))
FUZZ_TARGETS := $(FUZZ_SRC:tests/fuzz/%.c=$(FUZZ)/%)
FUZZ_FLAGS   := -std=c17 -O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_SECONDS ?= 60

$(FUZZ)/proxy/%.o: proxy/%.c
	@mkdir -p $(@D)
	@echo '  CC    $<'; clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ)/%_fuzz: tests/fuzz/%_fuzz.c $(SRC:%.c=$(FUZZ)/%.o)
	@echo '  LINK  $@'; clang $(FUZZ_FLAGS) -fsanitize=fuzzer $(CPPFLAGS) -o $@ $^ $(LDLIBS)

.SECONDARY: $(SRC:%.c=$(FUZZ)/%.o)
.PHONY: fuzz $(FUZZ_TARGETS:%=run-%)
fuzz: $(FUZZ_TARGETS:%=run-%)

$(FUZZ_TARGETS:%=run-%): run-%: %
	@mkdir -p $*-found
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=8192 -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=$(FUZZ)/ $*-found tests/fuzz/corpus/$(patsubst %_fuzz,%,$(notdir $*)) config

.PHONY: check-layers check-style check-docs check-bootstrap
check-layers:
	scripts/check-layers --self-test
	scripts/check-layers

check-style:
	@scripts/check-style $(FORMATTED)

check-docs: $(BUILD)/deadpeer
	mandoc -Tlint -W warning $(MAN)
	scripts/check-docs $(BUILD)/deadpeer

check-bootstrap:
	scripts/check-bootstrap

.PHONY: format
format:
	clang-format -i $(FORMATTED)

.PHONY: install uninstall
install: $(BUILD)/deadpeer
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5
	install -m 755 $(BUILD)/deadpeer $(DESTDIR)$(BINDIR)/deadpeer
	install -m 644 man/deadpeer.1 $(DESTDIR)$(MANDIR)/man1/deadpeer.1
	install -m 644 man/deadpeer.ini.5 man/deadpeer-scenario.5 $(DESTDIR)$(MANDIR)/man5
	install -d $(DESTDIR)$(DATADIR)/scenarios $(DESTDIR)$(DATADIR)/schema
	install -m 644 config/scenarios/*.ini $(DESTDIR)$(DATADIR)/scenarios
	install -m 644 config/schema/*.json $(DESTDIR)$(DATADIR)/schema
	install -d $(dir $(addprefix $(DESTDIR),$(BASH_FILE) $(ZSH_FILE) $(FISH_FILE)))
	$< completion bash > $(DESTDIR)$(BASH_FILE)
	$< completion zsh > $(DESTDIR)$(ZSH_FILE)
	$< completion fish > $(DESTDIR)$(FISH_FILE)
	$(if $(filter yes,$(TOXIPROXY_COMPAT)),\
	    for name in $(TOXIPROXY_NAMES); do ln -sf deadpeer $(DESTDIR)$(BINDIR)/$$name; done)

# Toxiproxy's own programs stay, if these are.
uninstall:
	for name in $(TOXIPROXY_NAMES); do \
	    [ "$$(readlink $(DESTDIR)$(BINDIR)/$$name)" != deadpeer ] || \
	        rm $(DESTDIR)$(BINDIR)/$$name; \
	done
	rm -f $(DESTDIR)$(BINDIR)/deadpeer $(DESTDIR)$(MANDIR)/man1/deadpeer.1 \
	    $(DESTDIR)$(MANDIR)/man5/deadpeer.ini.5 $(DESTDIR)$(MANDIR)/man5/deadpeer-scenario.5 \
	    $(addprefix $(DESTDIR),$(BASH_FILE) $(ZSH_FILE) $(FISH_FILE))
	rm -rf $(DESTDIR)$(DATADIR)

# The load generator is part of no layer of the proxy and links nothing of it.
$(BENCH_OBJ): override CFLAGS += -O3
$(BUILD)/loadgen: $(BENCH_OBJ)
	@echo '  LINK  $@'; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

BENCH := PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench/run \
    --loadgen $(BUILD)/loadgen --deadpeer $(BUILD)/deadpeer

# BENCH_ARGS='--rounds 1 --works bulk,delay --json FILE': a part of it; --help tells the rest
.PHONY: bench test-bench
bench: $(BUILD)/loadgen $(BUILD)/deadpeer
	@$(BENCH) $(BENCH_ARGS)

test-bench: $(BUILD)/loadgen $(BUILD)/deadpeer
	@$(BENCH) --quick

.PHONY: clean
clean:
	rm -rf build deadpeer

-include $(shell find build -name '*.d' 2>/dev/null)
