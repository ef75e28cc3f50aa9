# What a packager may want to change; every value can be given on make's command line as well.
VERSION = 0.1.0
PREFIX  = /usr/local
CC      = gcc
OBJCOPY = objcopy
CFLAGS  = -O3 -g
# Debian's Python, with the packages that the tests and benches need.
PYTHON  = $(firstword $(wildcard /usr/bin/python3) python3)
