# make            ./deadpeer
# make demo       install what is missing, build, play the truth table
# make test       everything there is to run
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
SANITIZER ?=

VARIANT := $(notdir $(CC))$(if $(SANITIZER),-$(subst $() ,-,$(subst $(comma),-,$(SANITIZER))))
