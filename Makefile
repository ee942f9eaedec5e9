# A thin wrapper: CMakePresets.json and CMakeLists.txt know how things are built.
PRESET ?= release
JOBS ?= $(shell nproc)
SECONDS ?= 60
MINUTES ?= 10
BUILD := build/$(PRESET)
SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.h' '*.cc')

.DEFAULT_GOAL := help
.PHONY: help deps deps-test deps-lint configure build build-unit run test asan tsan soak crash bench format \
  format-check tidy fuzz clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps:  ## install the Debian packages that a build needs
	@./cmake/install_packages.sh build

deps-test: deps
	@./cmake/install_packages.sh test

deps-lint:
	@./cmake/install_packages.sh lint

configure: deps
	@cmake --preset $(PRESET) $(CMAKE_ARGS) > /dev/null

build: configure  ## build everything (PRESET=release|debug|asan|tsan)
	@cmake --build --preset $(PRESET) -j $(JOBS)

build-unit: configure
	@cmake --build --preset $(PRESET) -j $(JOBS) --target unit_tests

run: configure  ## start picket on imitation traffic; Ctrl-C ends it
	@cmake --build --preset $(PRESET) -j $(JOBS) --target picket picket-traffic
	@exec tests/support/demo.sh $(BUILD)

test: deps-test build  ## build and run all tests
	@ctest --preset $(PRESET) --no-tests=error -j $(JOBS)

asan:  ## build and run the unit tests with address and undefined behaviour sanitizers
	@$(MAKE) --no-print-directory PRESET=asan build-unit
	@ctest --preset asan -j $(JOBS) -E '^e2e_'

tsan:  ## build and run the unit tests with the thread sanitizer
	@$(MAKE) --no-print-directory PRESET=tsan build-unit
	@ctest --preset tsan -j $(JOBS) -E '^e2e_'

soak: deps-test build  ## a day at full speed in MINUTES, with KILLS if given, and nothing may grow
	@PICKET_SOAK_SECONDS=$$(($(MINUTES) * 60)) PICKET_SOAK_KILLS=$(or $(KILLS),0) \
	  bash tests/e2e/soak_test.sh $(BUILD)/picket . $(BUILD)

crash: deps-test build  ## kill picket KILLS times (1,000) over a day of traffic; nothing may be lost
	@PICKET_KILLS=$(or $(KILLS),1000) \
	  bash tests/e2e/crash_test.sh $(BUILD)/picket . $(BUILD)

bench: build  ## run the benchmarks
	@for bench in $(BUILD)/tests/*_bench; do [ ! -x $$bench ] || $$bench || exit 1; done

format: deps-lint  ## format all C++ files in place
	@clang-format-14 -i $(SOURCES)

format-check: deps-lint
	@clang-format-14 --dry-run --Werror $(SOURCES)

tidy: deps-lint build  ## check the sources with clang-tidy
	@run-clang-tidy-19 -quiet -p $(BUILD) -j $(JOBS) '^$(CURDIR)/(config|rules|daemon|tests)/'

fuzz: deps  ## run each fuzz target for SECONDS seconds (with clang)
	@./cmake/install_packages.sh fuzz
	@cmake --preset fuzz > /dev/null
	@for source in tests/fuzz/*_fuzz.cc; do \
	  name=$$(basename $$source .cc); \
	  cmake --build --preset fuzz -j $(JOBS) --target $$name || exit 1; \
	  mkdir -p build/fuzz/found/$$name; \
	  build/fuzz/tests/$$name -max_total_time=$(SECONDS) -timeout=20 -max_len=4096 \
	    -print_final_stats=1 -artifact_prefix=build/fuzz/found/$$name- \
	    build/fuzz/found/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

clean:  ## remove everything that was built
	@rm -rf build
