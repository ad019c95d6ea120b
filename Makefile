# SPDX-License-Identifier: MIT
# make          builds (never calls apt)
# make demo     the out-of-band ping, in two virtual machines, on Debian's kernel
# make check    every test
# make soak     a program killed after every single instruction of its paths: about 40 minutes
# make install  PREFIX and DESTDIR as ever; make uninstall takes it away again
PREFIX ?= /usr/evl
DESTDIR ?=
PYTHON = /usr/bin/python3
STAGE = build/stage

all: build/main/build.ninja
	ninja -C build/main

build/main/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing; scripts/install-packages installs all that is needed" >&2; exit 1; }
	meson setup build/main

packages:
	scripts/install-packages

stage: all
	rm -rf $(STAGE)
	DESTDIR=$(CURDIR)/$(STAGE) meson install -C build/main --quiet

# TARGET and ISSUER: command prefixes of two real machines, TARGET_IF and ISSUER_IF their interfaces.
ifneq ($(TARGET)$(ISSUER),)
demo:
	$(PYTHON) tests/lab/demo.py --target '$(TARGET)' --issuer '$(ISSUER)' \
		$(if $(TARGET_IF),--target-if $(TARGET_IF)) $(if $(ISSUER_IF),--issuer-if $(ISSUER_IF))
else
demo: packages
	$(MAKE) --no-print-directory stage
	$(PYTHON) tests/lab/demo.py --tree $(STAGE)
endif

check: packages
	$(MAKE) --no-print-directory stage
	$(PYTHON) tests/run --tree $(STAGE)

soak: packages
	$(MAKE) --no-print-directory stage
	$(PYTHON) -B tests/net/test_step.py --tree $(STAGE) --all

install: all
	scripts/install build/main "$(PREFIX)" "$(DESTDIR)"

uninstall:
	scripts/install --remove "$(PREFIX)" "$(DESTDIR)"

clean:
	rm -rf build

.PHONY: all packages stage demo check soak install uninstall clean
