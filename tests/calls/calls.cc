// SPDX-License-Identifier: GPL-3.0-or-later

// mv-calls in C++: templates, virtual calls, destructors while an exception flies. Stops in stop_here.

#include <stdexcept>
#include <vector>

#define CALL __attribute__((noipa, noinline))
#define AFTERWARDS __asm__ volatile("" ::: "memory")

extern "C" CALL void stop_here()
{
	__asm__ volatile("int3");
	AFTERWARDS;
}

namespace shapes
{
struct Shape {
	virtual ~Shape() = default;
	virtual void area(int) = 0;
};

// Its destructor runs while an exception is on its way up: by a landing pad.
struct Guard {
	std::vector<int> room;
	CALL ~Guard()
	{
		stop_here();
		AFTERWARDS;
	}
};

template <typename T> struct Square : Shape {
	CALL void area(int n) override
	{
		Guard guard{{n}};
		if (n > 1)
			throw std::runtime_error("as planned");
		AFTERWARDS;
	}
};

template <typename T, int N> CALL void apply(Shape &shape)
{
	shape.area(N);
	AFTERWARDS;
}
} // namespace shapes

int main()
{
	shapes::Square<double> square;

	try {
		shapes::apply<unsigned long, 7>(square);
	} catch (const std::exception &) {
	}
	return 0;
}
