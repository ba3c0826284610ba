/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/term.h"
#include "tui/tty.h"

/* Last, because <term.h> defines words like "lines" and "columns". */
#include <curses.h>
#include <term.h>

/* Is there a terminal to draw on, asked before anything else is begun. */

int mv_term_probe(char *ret_message, size_t cap)
{
	const char *type = getenv("TERM");
	int fd = mv_tty_open_fd(), status = 0;
	bool usable;

	if (fd < 0) {
		snprintf(ret_message, cap,
			 "no terminal to draw on: run it in one, or use \"memview report PID\"");
		return -ENOTTY;
	}
	if (!type || *type == '\0') {
		close(fd);
		snprintf(ret_message, cap,
			 "TERM is not set: set it to your terminal's type, for example TERM=xterm-256color");
		return -EINVAL;
	}
	usable = setupterm(type, fd, &status) == OK;
	usable = usable && cursor_address && !hard_copy;
	if (cur_term)
		del_curterm(cur_term);
	close(fd);
	if (usable)
		return 0;
	if (status == -1)
		snprintf(ret_message, cap,
			 "the terminfo database was not found: install ncurses-base, or set TERMINFO");
	else {
		char shown[64];

		mv_clean_bytes(type, strlen(type), shown, sizeof(shown));
		snprintf(ret_message, cap,
			 "TERM is \"%s\", which %s: try TERM=xterm-256color, or \"memview report PID\"",
			 shown,
			 status == 0 && strcmp(type, "dumb") != 0 ? "this system does not know"
								  : "can't place text");
	}
	return -EINVAL;
}
