#include "control/report.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_json(const json_t *verdict, FILE *out)
{
	return !json_dumpf(verdict, out, JSON_INDENT(2)) && putc('\n', out) != EOF;
}

static const struct report_file {
	const char *name;
	bool (*write)(const json_t *verdict, FILE *out);
} files[] = {
	{ "verdict.json", write_json },
	{ "junit.xml", report_junit },
	{ "results.tap", report_tap },
	{ "summary.md", report_markdown },
	{ "report.html", report_html },
};

/* Takes over fd. */
static bool write_open(const struct report_file *f, const json_t *verdict, int fd)
{
	FILE *out = fdopen(fd, "w");
	bool written;

	if (!out) {
		close(fd);
		return false;
	}
	errno = 0;
	written = f->write(verdict, out) && !fflush(out);
	if (!written && !errno)
		errno = ENOMEM;
	int error = errno;

	if (fclose(out) && written)
		return false;
	errno = error;
	return written;
}

/* Beside its place first: who finds the file finds all of it. */
static bool write_file(const struct report_file *f, const json_t *verdict, const char *dir)
{
	char *path = NULL, *beside = NULL;
	bool written = false;
	int fd = -1, error;

	if (asprintf(&path, "%s/%s", dir, f->name) < 0)
		path = NULL;
	if (asprintf(&beside, "%s/.%s.XXXXXX", dir, f->name) < 0)
		beside = NULL;
	if (path && beside && (fd = mkstemp(beside)) >= 0) {
		mode_t mask = umask(0);

		umask(mask);
		fchmod(fd, 0666 & ~mask); /* mkstemp(3) makes 0600; CI uploads as another user */
		written = write_open(f, verdict, fd) && !rename(beside, path);
		error = errno;
		if (!written)
			unlink(beside);
		errno = error;
	}
	error = errno;
	free(path), free(beside);
	errno = error;
	return written;
}

bool report_all(const json_t *verdict, const char *dir, const char **failed)
{
	*failed = dir;
	if (mkdir(dir, 0777) && errno != EEXIST)
		return false;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		*failed = files[i].name;
		if (!write_file(&files[i], verdict, dir))
			return false;
	}
	*failed = NULL;
	return true;
}
