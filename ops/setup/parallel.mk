# Read by each make of the native build (MAKEFILES). node-gyp starts librdkafka's make without a
# job server, so that it would compile one file at a time.
ifneq ($(filter %/librdkafka,$(CURDIR)),)
MAKEFLAGS += -j$(shell nproc)
endif
