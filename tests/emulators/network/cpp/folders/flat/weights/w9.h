this file belongs to another version and is not C++ at all: ` @
