/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What mv-calls loads: it calls back. */

void library_call(void (*back)(void));
static void hidden_step(void (*back)(void));

__attribute__((noipa)) static void hidden_step(void (*back)(void))
{
	back();
	__asm__ volatile("" ::: "memory");
}

__attribute__((noipa)) void library_call(void (*back)(void))
{
	hidden_step(back);
	__asm__ volatile("" ::: "memory");
}
