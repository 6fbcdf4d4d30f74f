# make               ./deadpeer
# make demo          installs what is missing, builds, plays every death there is
# make test          everything there is to run (make test-unit, test-net, test-e2e: a part)
# make test-long     what takes longer than ten minutes
# make bench         deadpeer beside haproxy
# make install       PREFIX=/usr/local DESTDIR=
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
PKGS    := libevent libevent_core libevent_extra inih jansson

CFLAGS   ?= -O2 -g
override CFLAGS += -std=c17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wpointer-arith -Wvla -Wwrite-strings -Wno-missing-field-initializers -Werror \
    -fno-common $(if $(SANITIZER),-fsanitize=$(SANITIZER) -fno-omit-frame-pointer -fno-sanitize-recover=all)
override CPPFLAGS += -D_GNU_SOURCE -DDEADPEER_VERSION='"$(VERSION)"' -iquote proxy
override LDFLAGS += $(if $(SANITIZER),-fsanitize=$(SANITIZER))
LDLIBS := $(shell pkg-config --libs libevent_core libevent_extra inih jansson 2>/dev/null) -lm

SRC      := $(sort $(wildcard proxy/*/*.c))
OBJ      := $(SRC:proxy/%.c=$(BUILD)/proxy/%.o)
MAIN     := $(BUILD)/proxy/main.o
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/%.o)
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/%.o)
HEADERS  := $(wildcard proxy/*/*.h tests/*/*.h)

.PHONY: all
all: deadpeer

# One binary at the top, whichever variant was built last; the tests take theirs from $(BUILD).
.PHONY: deadpeer
deadpeer: $(BUILD)/deadpeer
	@cmp -s $< $@ || cp $< $@

$(BUILD)/deadpeer: $(MAIN) $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit: $(UNIT_OBJ) $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs check)

.PHONY: test-unit
test-unit: $(BUILD)/unit
	$<

# The load generator is part of no layer of the proxy and links nothing of it.
$(BENCH_OBJ): override CFLAGS += -O3
$(BUILD)/loadgen: $(BENCH_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

BENCH := tests/bench/run --loadgen $(BUILD)/loadgen --deadpeer $(BUILD)/deadpeer

.PHONY: bench
bench: $(BUILD)/loadgen $(BUILD)/deadpeer
	$(BENCH)

.PHONY: test-bench
test-bench: $(BUILD)/loadgen $(BUILD)/deadpeer
	$(BENCH) --quick

.PHONY: format
format:
	clang-format -i $(SRC) $(UNIT_SRC) $(BENCH_SRC) $(HEADERS) proxy/main.c

.PHONY: clean
clean:
	rm -rf build deadpeer

-include $(shell find build -name '*.d' 2>/dev/null)
