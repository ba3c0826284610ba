/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/theme.h"

/* Colour arithmetic: nearest colours of poorer terminals, and contrast. */

static int red(int32_t rgb)
{
	return rgb >> 16 & 0xff;
}

static int green(int32_t rgb)
{
	return rgb >> 8 & 0xff;
}

static int blue(int32_t rgb)
{
	return rgb & 0xff;
}

/* Squared distance, weighted roughly as the eye does. */
static long distance(int32_t a, int32_t b)
{
	long mean = (red(a) + red(b)) / 2, dr = red(a) - red(b), dg = green(a) - green(b),
	     db = blue(a) - blue(b);

	return (((512 + mean) * dr * dr) >> 8) + 4 * dg * dg + (((767 - mean) * db * db) >> 8);
}

static int32_t cube_colour(int i)
{
	static const int steps[6] = {0, 95, 135, 175, 215, 255};

	if (i >= 232)
		return (8 + (i - 232) * 10) * 0x10101;
	i -= 16;
	return steps[i / 36] << 16 | steps[i / 6 % 6] << 8 | steps[i % 6];
}

int mv_theme_to_256(int32_t rgb)
{
	int best = 16;

	for (int i = 17; i < 256; i++) {
		if (distance(rgb, cube_colour(i)) < distance(rgb, cube_colour(best)))
			best = i;
	}
	return best;
}

static int highest(int32_t rgb)
{
	int most = red(rgb) > green(rgb) ? red(rgb) : green(rgb);

	return blue(rgb) > most ? blue(rgb) : most;
}

static int lowest(int32_t rgb)
{
	int least = red(rgb) < green(rgb) ? red(rgb) : green(rgb);

	return blue(rgb) < least ? blue(rgb) : least;
}

/*
 * By hue first: with eight colours the nearest in space is white for every pale colour, and kinds and states
 * could not be told apart any more. Bits 1 red, 2 green, 4 blue; -1 when there is no hue to speak of.
 */
static int nearest_hue(int32_t rgb)
{
	int most = highest(rgb), least = lowest(rgb), middle = (most + least) / 2, hue;

	if (most - least < 48)
		return -1;
	hue = (red(rgb) > middle) | (green(rgb) > middle) << 1 | (blue(rgb) > middle) << 2;
	/* Blue on black is hard to read everywhere; a light blue says the same as cyan. */
	return hue == 4 && most > 0xc0 && least > 0x40 ? 6 : hue;
}

int mv_theme_to_8(int32_t rgb)
{
	int hue = nearest_hue(rgb);

	if (hue < 0)
		return highest(rgb) + lowest(rgb) > 0xc0 ? 7 : 0;
	/* So dark a colour is a ground, not an ink. */
	return highest(rgb) < 0x50 ? 0 : hue;
}

int mv_theme_to_16(int32_t rgb)
{
	int hue = nearest_hue(rgb), middle = (highest(rgb) + lowest(rgb)) / 2;

	if (hue < 0)
		return middle < 0x38 ? 0 : middle < 0xa0 ? 8 : middle < 0xe0 ? 7 : 15;
	if (highest(rgb) < 0x50)
		return 0;
	return middle >= 0x70 ? hue + 8 : hue;
}

/* x to the power of 2.4 for x in (0, 1]: the fifth root of x^12, by Newton, without needing libm. */
static double power_2_4(double x)
{
	double x2 = x * x, x4 = x2 * x2, x12 = x4 * x4 * x4, root = 1.0;

	for (int i = 0; i < 64; i++)
		root -= (root - x12 / (root * root * root * root)) / 5.0;
	return root;
}

static double linear(int channel)
{
	double c = channel / 255.0;

	return c <= 0.04045 ? c / 12.92 : power_2_4((c + 0.055) / 1.055);
}

static double luminance(int32_t rgb)
{
	return 0.2126 * linear(red(rgb)) + 0.7152 * linear(green(rgb)) + 0.0722 * linear(blue(rgb));
}

double mv_theme_contrast(int32_t a, int32_t b)
{
	double la = luminance(a), lb = luminance(b);

	return la > lb ? (la + 0.05) / (lb + 0.05) : (lb + 0.05) / (la + 0.05);
}
