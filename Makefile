# Hallpass: `make` builds everything into build/, `make demo` shows it, `make test` proves it.
# src/<floor>/*.c is one static library; each cgi-bin/<family>.c is one program linked with it.

BUILD  ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g

# CFLAGS, CPPFLAGS and LDFLAGS are yours; what the code needs is below, and yours come after it.
PACKAGES       := sqlite3 jansson libmd libcurl libcrypto
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
# libcurl, libcrypto and libfcgi are loaded when they are needed: src/base/late_library.h.
PACKAGE_LIBS   := $(shell pkg-config --libs sqlite3 jansson 2>/dev/null)
OPTIMISED = $(and $(filter-out -O0,$(filter -O%,$(CFLAGS))),$(if $(filter -fsanitize=%,$(CFLAGS)),,yes))
HALLPASS_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Isrc -Wall -Wextra -Wconversion -Wshadow \
	-fPIE -fstack-protector-strong -ffunction-sections -fdata-sections -pthread \
	$(if $(OPTIMISED),-D_FORTIFY_SOURCE=2) $(PACKAGE_CFLAGS)
HALLPASS_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections
# Of libmd a function is needed: loading it as a shared library would cost a CGI request 0.05 ms of its 1.6.
HALLPASS_LIBS = $(PACKAGE_LIBS) -l:libmd.a
SANITIZED = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-DARENA_DEBUG

objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
MAINS    := $(wildcard src/cli/main.c src/worker/main.c)
LIBRARY  := $(BUILD)/libhallpass.a
MEMBERS  := $(call objects,$(sort $(filter-out $(MAINS),$(wildcard src/*/*.c))))
PROGRAMS := $(patsubst cgi-bin/%.c,$(BUILD)/cgi-bin/%,$(wildcard cgi-bin/*.c)) \
	$(if $(filter src/cli/%,$(MAINS)),$(BUILD)/bin/hallpass) \
	$(if $(filter src/worker/%,$(MAINS)),$(BUILD)/bin/hallpass-worker)
BENCHES  := events bots tokens memory cgi scale webhooks worker retention
BENCH    := $(patsubst bench/%.c,$(BUILD)/bench/%,$(filter-out bench/latencies.c,$(wildcard bench/*.c)))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
SUPPORT  := $(call objects,$(wildcard tests/support/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c)) \
	$(patsubst cgi-bin/%.c,$(BUILD)/fuzz/family_%,$(wildcard cgi-bin/*.c))
FUZZING  := $(call objects,$(addprefix tests/fuzz/,input.c script.c world.c))
JOBS     = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
# What a web host's Apache has to answer as nginx does.
WEB_HOST_CASES = $(addprefix tests/test_,bots.py lists.py runners.py waiting_bots.py zoom_meetings.py \
	zoom_oauth_apps.py zoom_oauth_connections.py zoom_tokens.py zoom_events.py zoom_webhooks.py)
QUICK_START = tests/packaging/test_quick_start.py
SUBMAKE  = +@$(MAKE) --no-print-directory $(JOBS)
SECONDS  ?= 300
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 0
PYTHON   = BUILD=$(abspath $(1)) PYTHONPYCACHEPREFIX=$(abspath $(1))/pycache /usr/bin/python3
PYTEST   = $(PYTHON) -m pytest -q -n 4 -o cache_dir=$(abspath $(1))/pytest

all: $(LIBRARY) $(PROGRAMS)
units: $(UNITS)
bench-programs: $(BENCH)
fuzzers: $(FUZZERS)
run-units: $(UNITS)
	@tests/house/units $^

# The first step of demo and test installs what the machine lacks, hence the second make after it.
demo:
	@scripts/deps
	$(SUBMAKE) all
	@scripts/demo

test:
	@scripts/deps
	$(SUBMAKE) all run-units bench-programs faults-programs docs cgi-bundle $(BUILD)/promtool
	$(SUBMAKE) check
	@tests/house/floors
	$(SUBMAKE) fuzz FUZZ_SECONDS=10 FUZZ_SEED=1
	@$(call PYTEST,$(BUILD)) --dist loadfile --all-described --ignore tests/faults \
		--ignore $(QUICK_START) tests
	@for server in mod_cgi mod_fcgid; do \
		$(call PYTEST,$(BUILD)) --dist loadfile --server $$server $(WEB_HOST_CASES) || exit 1; done
	$(SUBMAKE) faults FAULTS='-m short'

check:
	$(SUBMAKE) run-units BUILD=$(BUILD)/asan CFLAGS='$(SANITIZED)'

# The reference of the API, drawn from its description; nginx serves it under /docs/.
docs: $(BUILD)/npm/installed
	@mkdir -p $(BUILD)/docs
	@cp docs/reference.html $(BUILD)/docs/index.html
	@cp $(BUILD)/npm/node_modules/redoc/bundles/redoc.standalone.js $(BUILD)/docs/
$(BUILD)/npm/installed: tests/openapi/package.json tests/openapi/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D) && echo "  NPM  $(@D)"
	@npm ci --prefix $(@D) --omit=optional --ignore-scripts --no-audit --no-fund >$(@D)/npm.log 2>&1 || \
		{ cat $(@D)/npm.log >&2; exit 1; }
	@touch $@

# Prometheus's checker alone, without the server that installing Debian's package starts.
$(BUILD)/promtool:
	@rm -rf $(BUILD)/prometheus && mkdir -p $(BUILD)/prometheus && echo "  APT  $@"
	@cd $(BUILD)/prometheus && { apt-get download prometheus || \
		{ apt-get update && apt-get download prometheus; }; } >apt.log 2>&1 || { cat apt.log >&2; exit 1; }
	@dpkg-deb -x $(BUILD)/prometheus/*.deb $(BUILD)/prometheus && mv $(BUILD)/prometheus/usr/bin/promtool $@

# docs/quick-start.md, typed word for word on machines with nothing but a fresh Debian: debootstrap, apt and a compiler
# take their minutes.
quick-start:
	@scripts/deps
	@$(call PYTEST,$(BUILD)) $(QUICK_START)

# The same with failpoints, and a clock that can be moved.
faults-programs:
	$(SUBMAKE) all bench-programs BUILD=$(BUILD)/faults CPPFLAGS='$(CPPFLAGS) -DHALLPASS_FAILPOINTS'

# Processes that are killed and stopped at every step, and machines that fail, in a build with failpoints.
faults:
	@scripts/deps
	$(SUBMAKE) all BUILD=$(BUILD)/faults CPPFLAGS='$(CPPFLAGS) -DHALLPASS_FAILPOINTS'
	@$(call PYTEST,$(BUILD)/faults) $(FAULTS) tests/faults

# Users, a Zoom that fails and kill -9 at random, for so many seconds; every user who is lost is explained.
soak:
	@scripts/deps
	$(SUBMAKE) all
	@$(call PYTHON,$(BUILD)) tests/soak/soak --seconds $(SECONDS)

# Everything that reads what others wrote, fed by libFuzzer; FUZZ_SECONDS each. What it finds is a test.
# FUZZ_SEED makes it the same each time, as CI needs it; 0 is another seed each time.
fuzz:
	@scripts/deps
	$(SUBMAKE) fuzzers BUILD=$(BUILD)/fuzzing CC=clang CFLAGS='$(SANITIZED) -fsanitize=fuzzer-no-link'
	@tests/fuzz/run --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) $(BUILD)/fuzzing

# The refresh protocol and its mutilations, exhaustively: tests/model/README.md.
model:
	@scripts/deps
	@tests/model/run

# Prints the tables of docs/performance.md one after the other, and of all goals which hold; or one of the tables.
# BENCH_FLAGS: see bench/tokens --help.
bench bench-retention: faults-programs
bench:
	@scripts/deps
	$(SUBMAKE) all bench-programs
	@rm -rf $(BUILD)/bench-results
	@failed=; export BUILD=$(abspath $(BUILD)); for bench in $(BENCHES); do \
		echo; bench/$$bench $(BENCH_FLAGS) || failed="$$failed $$bench"; done; echo; bench/summary; \
		[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }
$(addprefix bench-,$(BENCHES)):
	@scripts/deps
	$(SUBMAKE) all bench-programs
	@BUILD=$(abspath $(BUILD)) bench/$(@:bench-%=%) $(BENCH_FLAGS)

# ctuuninitvar takes the address of an out-parameter for a use of its value.
lint:
	@echo "  LINT clang-format, shellcheck, floors, cppcheck, clang-tidy, and what gcc and clang warn of"
	@clang-format --dry-run -Werror $(shell find src cgi-bin tests bench -name '*.[ch]')
	@shellcheck scripts/* .ci/run tests/house/units tests/house/tidy tests/model/run tests/fuzz/run \
		packaging/make-deb packaging/systemd/make-units packaging/cgi/make-cgi-bundle packaging/cgi/run \
		tests/packaging/boot
	@tests/house/floors
	@cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr --std=c11 \
		--suppress=ctuuninitvar -Isrc src cgi-bin
	@tests/house/tidy $(wildcard src/*/*.c cgi-bin/*.c)
	$(SUBMAKE) all units BUILD=$(BUILD)/lint-gcc CC=gcc CFLAGS='-O2 -Werror' ANALYZER=-fanalyzer
	$(SUBMAKE) all units fuzzers BUILD=$(BUILD)/lint-clang CC=clang CFLAGS='-O2 -Werror'

format:
	clang-format -i $(shell find src cgi-bin tests bench -name '*.[ch]')

install: all install-units install-site install-monitoring
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin libexec/hallpass/cgi-bin share/hallpass share/doc/hallpass)
	install $(BUILD)/bin/* $(DESTDIR)$(PREFIX)/bin/
	install $(BUILD)/cgi-bin/* $(DESTDIR)$(PREFIX)/libexec/hallpass/cgi-bin/
	install -m 644 schema.sql $(DESTDIR)$(PREFIX)/share/hallpass/
	install -m 644 LICENSE README.md $(wildcard docs/*.*) $(DESTDIR)$(PREFIX)/share/doc/hallpass/
	install -d $(DESTDIR)$(PREFIX)/share/doc/hallpass/examples
	install -m 644 $(wildcard docs/examples/*) $(DESTDIR)$(PREFIX)/share/doc/hallpass/examples/
ifneq ($(wildcard $(BUILD)/docs/index.html),)
	install -d $(DESTDIR)$(PREFIX)/share/hallpass/docs
	install -m 644 $(BUILD)/docs/* $(DESTDIR)$(PREFIX)/share/hallpass/docs/
endif

clean:
	rm -rf $(BUILD)

$(BUILD)/cgi-bin/%: $(BUILD)/obj/cgi-bin/%.o $(LIBRARY)
	$(LINK)
$(BUILD)/bin/hallpass: $(BUILD)/obj/src/cli/main.o $(LIBRARY)
	$(LINK)
$(BUILD)/bin/hallpass-worker: $(BUILD)/obj/src/worker/main.o $(LIBRARY)
	$(LINK)
$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BUILD)/obj/bench/latencies.o
	$(LINK) $(shell pkg-config --libs libcurl)
$(BUILD)/bench/fill: $(LIBRARY)
$(BUILD)/bench/no_op: HALLPASS_LIBS += -lfcgi
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SUPPORT) $(LIBRARY) $(BUILD)/members
	$(LINK) -lcmocka
# A family is linked with a responder_main() that fuzzes it, and with a Zoom that says what the input says.
$(BUILD)/fuzz/family_%: $(BUILD)/fuzz/obj/%.o $(BUILD)/obj/tests/fuzz/family.o $(FUZZING) $(LIBRARY)
	$(LINK) $(FUZZ_LIBS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZING) $(LIBRARY)
	$(LINK) $(FUZZ_LIBS)
$(BUILD)/fuzz/obj/%.o: cgi-bin/%.c $(BUILD)/flags
	$(COMPILE) -Dmain=family_main
FUZZ_LIBS = -fsanitize=fuzzer -Wl,--wrap=http_client_call
LINK = @mkdir -p $(@D) && echo "  LINK $@" && $(CC) $(HALLPASS_CFLAGS) $(CFLAGS) $(HALLPASS_LDFLAGS) \
	$(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(HALLPASS_LIBS)

$(LIBRARY): $(MEMBERS) $(BUILD)/obj/sql.o $(BUILD)/obj/openapi_json.o $(BUILD)/members
	@rm -f $@ && echo "  AR   $@" && $(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(COMPILE)
$(BUILD)/obj/sql.o $(BUILD)/obj/openapi_json.o: $(BUILD)/obj/%.o: $(BUILD)/%.c $(BUILD)/flags
	$(COMPILE)
COMPILE = @mkdir -p $(@D) && echo "  CC   $@" && $(CC) $(HALLPASS_CFLAGS) $(if $(findstring /tests/,$@),-Itests,$(ANALYZER)) \
	$(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# schema.sql and the upgrades as C strings named after their files, so that a program carries the schema
# that it was built with.
$(BUILD)/sql.c: schema.sql $(wildcard src/store/upgrade_*.sql)
	@mkdir -p $(@D) && for file in $^; do name=$$(basename $$file .sql)_sql; \
		echo "extern const char $$name[];"; echo "const char $$name[] ="; \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' $$file && echo ';'; done >$@

# The API description likewise, as the JSON that is served.
$(BUILD)/openapi_json.c: docs/openapi.yaml
	@mkdir -p $(@D) && /usr/bin/python3 -c 'import json, sys, yaml; \
		text = json.dumps(yaml.safe_load(sys.stdin), separators=(",", ":")); \
		print("extern const char openapi_json[];\nconst char openapi_json[] ="); \
		print("\n".join(json.dumps(text[i:i + 80]) for i in range(0, len(text), 80)) + ";")' <$< >$@

# Each changes when what it lists does: other flags compile everything anew, another list of sources archives.
$(BUILD)/flags: LIST = $(CC) $(HALLPASS_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(HALLPASS_LDFLAGS) $(LDFLAGS) $(HALLPASS_LIBS)
$(BUILD)/members: LIST = $(MEMBERS) $(SUPPORT)
$(BUILD)/flags $(BUILD)/members: FORCE
	@pkg-config --exists $(PACKAGES) || { echo "make: libraries are missing: run scripts/deps" >&2; exit 1; }
	@mkdir -p $(@D) && echo '$(LIST)' | cmp -s - $@ || echo '$(LIST)' >$@

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

include packaging/packaging.mk

FORCE:
.PHONY: all docs units run-units bench-programs faults-programs bench $(addprefix bench-,$(BENCHES)) demo test check faults fuzz fuzzers soak model quick-start lint format install clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
