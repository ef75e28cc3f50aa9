# semot: make demo, make check, make install. Every filters/x.c becomes a program.
include config.mk

B := build$(if $(SAN),-san)
WARN := -Wall -Wextra -Wpedantic -Wshadow
LIBS := $(shell pkg-config --exists msgpack-c && echo msgpack-c || echo msgpack) liblz4 libxxhash openblas libzip jansson
FLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DVERSION='"$(VERSION)"' -Icommon -fopenmp \
	$(WARN) $(shell pkg-config --cflags $(LIBS)) -MMD -MP \
	$(if $(SAN),-DSANITIZE -O1 -fno-omit-frame-pointer -fsanitize=address$(,)undefined -fno-sanitize-recover=all)
, := ,
LINK = -fopenmp -Wl,--as-needed $(shell pkg-config --libs $(LIBS)) -lm

FILTERS := $(sort $(basename $(notdir $(wildcard filters/*.c))))
COMMON  := $(patsubst common/%.c,$(B)/%.o,$(wildcard common/*.c))
PAGES   := $(wildcard man/*.[157])

all: $(FILTERS:%=$(B)/bin/%)

$(B)/%.o: common/%.c | $(B)/bin
	$(CC) $(CFLAGS) $(FLAGS) -c -o $@ $<

$(B)/libsemot.a: $(COMMON)
	rm -f $@ && ar rc $@ $^

$(B)/bin/%: filters/%.c $(B)/libsemot.a
	$(CC) $(CFLAGS) $(FLAGS) -o $@ $< $(B)/libsemot.a $(LINK)

$(B)/bin:
	mkdir -p $@

.PHONY: all
-include $(wildcard $(B)/*.d $(B)/bin/*.d)
