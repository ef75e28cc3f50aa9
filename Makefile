# semot. The two commands: make demo, make check. Every filters/x.c is a program, every man/x.N a
# page.
include config.mk
.SUFFIXES:	# make knows how X is made of X.sh: no target here is made so

# One folder for each way to build: tests/helper.bash says the same.
B     := build$(if $(LEVEL),-$(LEVEL))$(if $(SAN),-san)$(if $(TSAN),-tsan)$(if $(COV),-cov)$(if \
	$(LIBFUZZER),-fuzz,$(if $(findstring clang,$(CC)),-clang))
comma := ,

FILTERS   := $(sort $(basename $(notdir $(wildcard filters/*.c))))
# Files with LEVELS() are compiled for each x86-64 level, as common/base/simd.h says; unless one was
# asked for.
ONE_LEVEL := $(LEVEL)$(SAN)$(TSAN)$(COV)$(LIBFUZZER)$(filter-out x86_64-%,\
	$(shell $(CC) -dumpmachine 2>/dev/null))
LEVELLED  := $(if $(ONE_LEVEL),,$(shell grep -lw '^LEVELS' common/*/*.c))
TEMPLATES := $(patsubst common/%.html,$(B)/%_template.o,$(wildcard common/*/*.html))
COMMON    := $(patsubst common/%.c,$(B)/%.o,$(wildcard common/*/*.c)) $(TEMPLATES) \
	$(foreach level,3 4,$(LEVELLED:common/%.c=$(B)/%.v$(level).o))
PROOFS    := $(patsubst %.c,$(B)/%,$(wildcard tests/*.c bench/*.c)) $(B)/tests/fuzzer
PAGES     := $(sort $(wildcard man/*.[157]))
PIPELINES := $(sort $(wildcard pipelines/*.mk))

# pkg-config is asked once, when something is compiled: it may have to be installed first.
LIBS   = $(eval LIBS := $(shell pkg-config --exists msgpack-c && echo msgpack-c || echo msgpack) \
	liblz4 libxxhash openblas jansson zlib)$(LIBS)
PKG_C  = $(eval PKG_C := $(shell pkg-config --cflags $(LIBS)))$(PKG_C)
PKG_L  = $(eval PKG_L := $(shell pkg-config --libs $(LIBS)))$(PKG_L)
PLAIN  = -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DVERSION='"$(VERSION)"' -Icommon \
	-fopenmp -fno-math-errno -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow $(PKG_C)
FLAGS  = $(PLAIN) -MMD -MP -MF $(B)/dep/$(subst /,-,$(@:$(B)/%=%)).d \
	$(if $(LEVEL),-march=x86-64-$(LEVEL)) $(if $(ONE_LEVEL),-DONE_LEVEL) \
	$(if $(SAN),-O1 -fno-omit-frame-pointer -fsanitize=address$(comma)undefined \
	-fno-sanitize-recover=all) $(if $(TSAN),-O1 -fno-omit-frame-pointer -fsanitize=thread) \
	$(if $(COV),--coverage -fprofile-update=single -O1) \
	$(if $(LIBFUZZER),-g -O1 -fno-omit-frame-pointer -fno-pie -fno-openmp -DLIBFUZZER \
	-Wno-source-uses-openmp -fno-sanitize-recover=all \
	-fsanitize=address$(comma)undefined$(comma)fuzzer-no-link)
LINK   = $(B)/libsemot.a -Wl,--as-needed $(PKG_L) -lm

all: $(FILTERS:%=$(B)/bin/%) $(B)/bin/semot

$(B)/bin/semot: shell/semot.awk man/semot.7 config.mk | $(B)/dep
	awk -v version=$(VERSION) -f shell/semot.awk man/semot.7 >$@.new
	chmod +x $@.new && mv $@.new $@

$(B)/bin/%: filters/%.c $(B)/libsemot.a
	$(CC) $(CFLAGS) $(FLAGS) -o $@ $< $(LINK)

# -- Static -------------------------------------------------------------------------------------

# Programs that need no library of the machine that they run on, of the same objects. Those that
# call BLAS have it inside, for all CPUs that it knows. NAME.said is what the linker said: the
# libraries, and that dlopen() would need some, which libgomp calls for graphics cards alone.
S         = $(B)-static
STATIC_L  = $(eval STATIC_L := $(shell pkg-config --static --libs $(LIBS)) \
	$(if $(filter /%,$(shell $(CC) -print-file-name=libquadmath.a)),-lquadmath))$(STATIC_L)
static: install-static
	$(MAKE) $(FILTERS:%=$(S)/bin/%) $(S)/bin/semot

$(S)/bin/semot: $(B)/bin/semot
	@mkdir -p $(@D)
	cp $< $@

$(S)/bin/%: filters/%.c $(B)/libsemot.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS) -static -s -Wl,--trace -o $@ $< $(B)/libsemot.a $(STATIC_L) -lm \
		>$(S)/$*.said 2>&1 || { cat $(S)/$*.said >&2; exit 1; }

$(filter-out %/tests/fuzzer,$(PROOFS)): $(B)/%: %.c $(B)/libsemot.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS) -o $@ $< $(LINK)

# tests/fuzz/ has every filter's main() as a function; see tests/fuzz/fuzz.h. With libFuzzer the
# variables of common/ and filters/ have sections of their own, from which they are restored.
FUZZ_OWN     := $(patsubst tests/%.c,$(B)/%.o,$(wildcard tests/fuzz/*.c))
FUZZ_FILTERS := $(FILTERS:%=$(B)/fuzz/filters/%.o)
OF_A_RUN = $(if $(LIBFUZZER),$(OBJCOPY) --rename-section .data=fuzzdata \
	--rename-section .bss=fuzzbss $@)

$(B)/tests/fuzzer: $(FUZZ_OWN) $(FUZZ_FILTERS) $(B)/libsemot.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS) -o $@ $(FUZZ_OWN) $(FUZZ_FILTERS) $(LINK) $(if $(LIBFUZZER), \
		-no-pie -fsanitize=fuzzer -Wl$(comma)--wrap=exit -Wl$(comma)--wrap=fopen \
		-Wl$(comma)--wrap=fclose -Wl$(comma)--wrap=fopencookie \
		-Wl$(comma)--wrap=standard_open)

$(FUZZ_OWN): private FLAGS += $(if $(LIBFUZZER),-fno-sanitize=fuzzer-no-link)
$(FUZZ_OWN): $(B)/fuzz/%.o: tests/fuzz/%.c $(MAKEFILE_LIST) | $(B)/dep
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS) -c -o $@ $<

$(FUZZ_FILTERS): $(B)/fuzz/filters/%.o: filters/%.c $(MAKEFILE_LIST) | $(B)/dep
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS) -Dmain=filter_main -DFILTER='"$*"' \
		-include tests/fuzz/filter.h -c -o $@ $<
	$(OF_A_RUN)

$(B)/libsemot.a: $(COMMON)
	rm -f $@ && $(AR) rc $@ $^

# What is installed for other programs: no name of it that does not begin with sm_ can be seen.
STREAM = stream/dtype stream/fields stream/payload stream/reader stream/writer base/die base/input \
	base/pool base/text base/text_stream base/utf8
$(B)/libsemot-stream.a: $(STREAM:%=$(B)/%.o)
	$(LD) -r -o $(B)/semot-stream.o $^
	$(OBJCOPY) --wildcard --keep-global-symbol='sm_*' $(B)/semot-stream.o
	rm -f $@ && $(AR) rc $@ $(B)/semot-stream.o

$(B)/%.o: common/%.c $(MAKEFILE_LIST) | $(B)/dep
	$(CC) $(CFLAGS) $(FLAGS) -c -o $@ $<
	$(OF_A_RUN)

$(B)/%.v3.o: common/%.c $(MAKEFILE_LIST) | $(B)/dep
	$(CC) $(CFLAGS) $(FLAGS) -march=x86-64-v3 -DKERNEL_LEVEL=3 -c -o $@ $<

$(B)/%.v4.o: common/%.c $(MAKEFILE_LIST) | $(B)/dep
	$(CC) $(CFLAGS) $(FLAGS) -march=x86-64-v4 -DKERNEL_LEVEL=4 -c -o $@ $<

# common/x/NAME.html, with the files that its lines @include PATH name, is NAME_template.
$(B)/%_template.c: common/%.html $(wildcard common/base/page.* common/*/*.js) | $(B)/dep
	(echo 'const unsigned char $(*F)_template[] = {'; \
		awk '/^@include / { while ((getline line <("common/" $$2)) > 0) print line; next } \
			{ print }' $< | od -An -v -tu1 | sed 's/[0-9]\{1,\}/&,/g'; \
		echo '0};') >$@.new
	mv $@.new $@

$(TEMPLATES): %.o: %.c
	$(CC) $(CFLAGS) $(FLAGS) -c -o $@ $<

$(B)/dep:
	mkdir -p $(B)/bin $(B)/tests $(dir $(COMMON)) $@

-include $(wildcard $(B)/dep/*.d)

# -- The two commands ---------------------------------------------------------------------------

demo: install-build
	$(MAKE) all
	MAKEFLAGS= PATH="$(CURDIR)/$(B)/bin:$$PATH" bash examples/demo.sh demo

# TESTS=tests/x.bats: some of them. SAN=1: under the sanitizers of addresses, leaks and undefined
# behaviour. COV=1: ends with the share of lines that the tests ran. LEVEL=v2, v3 or v4: as on a CPU
# of that x86-64 level (tests/helper.bash), all code compiled for it; tests/levels.bats tries each.
TESTS = tests
check: install-check
	$(MAKE) all proofs
	$(if $(COV),find $(B) -name '*.gcda' -delete)
	CC='$(CC)' $(if $(LEVEL),LEVEL=$(LEVEL)) $(if $(SAN),SAN=1) $(if $(COV),COV=1) \
		bats --print-output-on-failure $(TESTS)
	$(if $(COV),sh tests/coverage.sh $(B))

# Readers, filters and round trips (tests/fuzz/fuzz.h) on what clang's libFuzzer makes of small
# inputs, TIME seconds each, until one of them crashes. FUZZ=name: one of them. What it finds stays
# in build-fuzz. (make check runs the inputs in tests/fuzz/corpus.)
TIME = 60
fuzz: install-check
	$(MAKE) all
	$(MAKE) CC=clang LIBFUZZER=1 build-fuzz/tests/fuzzer
	PYTHON=$(PYTHON) PYTHONPATH=examples sh tests/fuzz/run.sh build-fuzz $(TIME) $(FUZZ)

# N times one token of a kernel or solver is changed, at places that SEED tells; the tests have to
# fail, nine times in ten at least. It takes hours; MUTANTS: options of mutants.py.
N = 300
SEED = 1
mutants: install-check
	$(PYTHON) tests/mutants.py -n $(N) --seed $(SEED) $(MUTANTS)

# Races of all programs that take --threads, as clang's sanitizer finds them.
tsan: install-check
	sh tests/tsan.sh build-tsan-clang $(MAKE)

# All that tests/faults.bats takes a sample of: hours, which FAULTS cuts: "--programs sinkhorn,emd",
# "--only read,write".
faults: install-check
	$(MAKE) all
	FAULTS="--all $(FAULTS)" nice bats --print-output-on-failure tests/faults.bats

# What a reader of the code may rely on: its form, both compilers without a warning, the pages.
lint: install-check
	sh tests/lint.sh $(PLAIN)

# They write bench/results/*.tsv, of which bench/RESULTS.md is made. PARTS: some of run.py's parts.
BENCH = PATH="$(CURDIR)/$(B)/bin:$$PATH" $(PYTHON) bench
bench: install-check
	$(MAKE) all $(B)/bench/cost_rate
	$(BENCH)/run.py $(PARTS)
	$(if $(PARTS),,$(BENCH)/graphs.py run --nodes 5000 --links 1000000 --field 0)
	$(MAKE) results

# The programs on a made job of a real model's size: hours, which PARTS (some of the programs) and
# SCALE (options: see scale.py --help) cut. What was measured is kept, and left out the next time.
bench-scale: install-check
	$(MAKE) all
	$(BENCH)/scale.py $(SCALE) $(PARTS)
	$(MAKE) results

bench-certified: install-check
	$(MAKE) all
	$(BENCH)/certified.py
	$(BENCH)/planted.py
	$(BENCH)/planted.py --partners
	$(MAKE) results

bench-quality: install-check
	$(MAKE) all
	$(BENCH)/quality.py stages settings
	$(BENCH)/texts.py
	$(BENCH)/models.py
	$(BENCH)/untrained.py
	$(BENCH)/layers.py
	$(BENCH)/graded.py
	$(BENCH)/saematch.py
	$(BENCH)/skip.py
	$(MAKE) results

bench-groups: install-check
	$(MAKE) all
	$(BENCH)/groups.py
	$(MAKE) results

results:
	$(PYTHON) bench/results.py bench/RESULTS.md

proofs: $(PROOFS)

# For editors and tools that read code as a compiler does.
compile_commands.json: $(MAKEFILE_LIST)
	@for file in $(wildcard common/*/*.c filters/*.c tests/*.c bench/*.c); do \
		printf '%s\n' "{\"directory\": \"$(CURDIR)\", \"file\": \"$$file\"," \
			"\"command\": \"$(CC) $(subst ",\\\",$(PLAIN)) -c $$file\"},"; \
	done | sed '1s/^/[/; $$s/,$$/]/' >$@

# The sources of a version, what its tag, vVERSION, holds; its programs, with all that they need.
dist: tagged
	git archive --prefix=semot-$(VERSION)/ HEAD | gzip -n >semot-$(VERSION).tar.gz

STATIC_NAME = semot-$(VERSION)-linux-$(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
dist-static: tagged static
	$(MAKE) $(S)/$(STATIC_NAME).tar.gz
	mv $(S)/$(STATIC_NAME).tar.gz .

tagged:
	@[ "$$(git describe --exact-match --tags HEAD 2>/dev/null)" = v$(VERSION) ] || \
		{ echo "dist: the tag of HEAD is not v$(VERSION), the VERSION of config.mk" >&2; \
			exit 1; }

# licenses/ has those of the packages that the linker's libraries are of.
$(S)/$(STATIC_NAME).tar.gz: $(FILTERS:%=$(S)/bin/%) $(S)/bin/semot
	rm -rf $(S)/$(STATIC_NAME)
	$(MAKE) install-programs BIN=$(S)/bin DESTDIR=$(S)/$(STATIC_NAME) PREFIX=
	mkdir $(S)/$(STATIC_NAME)/licenses
	cp LICENSE README.md NEWS.md $(S)/$(STATIC_NAME)
	sh shell/licenses.sh $(S)/refproj.said $(S)/$(STATIC_NAME)/licenses
	tar -C $(S) --sort=name --owner=0 --group=0 --numeric-owner -c $(STATIC_NAME) | \
		gzip -n >$@.new
	mv $@.new $@

# -- What they need -----------------------------------------------------------------------------

BUILD_PACKAGES = gcc libc6-dev pkg-config libmsgpack-c-dev/libmsgpack-dev liblz4-dev libxxhash-dev \
	libopenblas-dev libjansson-dev zlib1g-dev
CHECK_PACKAGES = $(BUILD_PACKAGES) bats groff python3 python3-numpy python3-scipy python3-pot \
	python3-msgpack python3-lz4 python3-jsonschema python3-networkx time libomp-dev \
	clang shellcheck git
BROWSER_PACKAGES = chromium chromium-driver/chromium-chromedriver python3-selenium
CLUSTER_PACKAGES = slurm-wlm munge parallel
STATIC_PACKAGES = $(BUILD_PACKAGES) gfortran

install-build:
	@sh packages.sh $(BUILD_PACKAGES)

install-static:
	@sh packages.sh $(STATIC_PACKAGES)

# Where there is no such browser, as on Ubuntu, tests/page.bats is left out.
install-check:
	@sh packages.sh $(CHECK_PACKAGES)
	@sh packages.sh $(BROWSER_PACKAGES) || echo "without $(BROWSER_PACKAGES): no test of pages"
	@sh packages.sh $(STATIC_PACKAGES) || echo "without gfortran: no test of make static"
	@sh packages.sh $(CLUSTER_PACKAGES) || echo "without $(CLUSTER_PACKAGES): no test on Slurm"

# -- Installation -------------------------------------------------------------------------------

COMPLETIONS = $(PREFIX)/share/bash-completion/completions
BIN = $(B)/bin
install-programs: $(FILTERS:%=$(BIN)/%) $(BIN)/semot
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/semot/pipelines
	install $^ $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(PIPELINES) $(DESTDIR)$(PREFIX)/share/semot/pipelines
	install pipelines/stage $(DESTDIR)$(PREFIX)/share/semot/pipelines
	install -m 644 examples/semot.py examples/plots.py examples/token_rows.py \
		$(DESTDIR)$(PREFIX)/share/semot
	for page in $(PAGES); do install -D -m 644 $$page \
		$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	install -d $(DESTDIR)$(COMPLETIONS)
	sed 's/@PROGRAMS@/$(FILTERS)/' shell/completion.bash >$(DESTDIR)$(COMPLETIONS)/semot
	for name in $(FILTERS); do ln -sf semot $(DESTDIR)$(COMPLETIONS)/$$name || exit 1; done

install: install-programs $(B)/libsemot-stream.a
	install -d $(DESTDIR)$(PREFIX)/include/semot $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 common/stream/stream.h common/stream/dtype.h \
		$(DESTDIR)$(PREFIX)/include/semot
	sed -i 's|"stream/dtype.h"|<semot/dtype.h>|' $(DESTDIR)$(PREFIX)/include/semot/stream.h
	install -m 644 $(B)/libsemot-stream.a $(DESTDIR)$(PREFIX)/lib
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: semot' 'Version: $(VERSION)' \
		'Description: reads and writes streams of semot' 'Requires: liblz4 libxxhash' \
		'Cflags: -I$${prefix}/include' 'Libs: -L$${prefix}/lib -lsemot-stream -lm' \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/semot.pc

uninstall:
	for name in $(FILTERS) semot; do \
		rm -f $(DESTDIR)$(PREFIX)/bin/$$name $(DESTDIR)$(COMPLETIONS)/$$name; done
	rm -rf $(DESTDIR)$(PREFIX)/share/semot $(DESTDIR)$(PREFIX)/include/semot
	rm -f $(DESTDIR)$(PREFIX)/lib/libsemot-stream.a $(DESTDIR)$(PREFIX)/lib/pkgconfig/semot.pc
	for page in $(PAGES); do \
		rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

clean:
	rm -rf build build-* demo bench/out compile_commands.json semot-*.tar.gz

.PHONY: all static demo check faults fuzz mutants tsan lint dist dist-static tagged bench \
	bench-certified bench-groups bench-quality bench-scale results proofs install-build \
	install-static install-check install install-programs uninstall clean
