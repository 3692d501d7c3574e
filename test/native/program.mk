# For the Makefiles of this folder's programs: builds $(OUT)/$(PROGRAM) from what of native/ needs no
# Node.js and from the sources beside the Makefile. Set before: FOLDER (of the Makefile), PROGRAM, OUT,
# SANITIZE, and ROOT, the checkout.
CXX ?= g++
CXXFLAGS := -std=c++17 -Wall -Wextra -Werror -O1 -g -fno-omit-frame-pointer -fno-exceptions \
            -fno-rtti -pthread $(SANITIZE)
# With ZEROSEND_INJECT_FAULTS the table of system calls is a variable, which tests change.
CPPFLAGS := -I$(ROOT)/native -I$(FOLDER) -I$(ROOT)/rig -DZEROSEND_INJECT_FAULTS -MMD -MP

LAYERS := core kernel sockets threads
SOURCES := $(sort $(shell find $(LAYERS:%=$(ROOT)/native/%) -name '*.cc') $(wildcard $(FOLDER)/*.cc))
OBJECTS := $(SOURCES:$(ROOT)/%.cc=$(OUT)/%.o)
MAKEFILES := $(FOLDER)/Makefile $(ROOT)/test/native/program.mk

$(OUT)/$(PROGRAM): $(OBJECTS) $(OUT)/objects
	$(CXX) $(CXXFLAGS) $(OBJECTS) -o $@

$(OUT)/%.o: $(ROOT)/%.cc $(MAKEFILES)
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@

# Changes with the list of objects, so that a removed file is not linked any longer.
$(OUT)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(OBJECTS)' | cmp -s - $@ || echo '$(OBJECTS)' > $@

.PHONY: FORCE
-include $(OBJECTS:.o=.d)
