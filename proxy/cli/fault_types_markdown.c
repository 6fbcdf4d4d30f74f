/* The catalogue as the tables of README.md. */
#include "cli/fault_types.h"
#include <stdio.h>
#include <string.h>

#define CHOICES_MAX 8

/* A cell of a table: a bar would end it. */
static void print_cell(const char *text)
{
	for (; *text; text++)
		printf(*text == '|' ? "\\%c" : "%c", *text);
	fputs(" |", stdout);
}

/* "`mode` (drop; rst_next, rst_both, fin)": the default, then the other choices. */
static void print_param(const struct fault_type *type, const struct field *f)
{
	size_t n = 0;

	printf("`%s` (%s", f->key, f->initial ? f->initial : f->required ? "required" : "unset");
	while (f->kind == FIELD_CHOICE && f->choices[n])
		n++;
	if (n > CHOICES_MAX || fact_names_presets(type, f))
		n = 0;
	for (size_t i = 0, told = 0; i < n; i++)
		if (!f->initial || strcmp(f->choices[i], f->initial))
			printf("%s%s", told++ ? ", " : "; ", f->choices[i]);
	putchar(')');
}

static void print_type(const struct fault_ops *ops)
{
	const struct fault_type *type = &ops->type;
	const char *root = grade_names[fact_grade(ops, PRIVILEGE_ROOT)];
	const char *user = grade_names[fact_grade(ops, PRIVILEGE_NONE)];
	char needs[FACT_MAX];

	printf("| `%s` | ", type->name);
	print_cell(type->peer_sees);
	for (const struct field *f = type->params; f && f->key; f++) {
		fputs(f == type->params ? " " : ", ", stdout);
		print_param(type, f);
	}
	printf(" | %s | %s", fact_needs(needs, type), root);
	if (strcmp(root, user))
		printf("; %s unprivileged", user);
	puts(" |");
}

void fault_types_markdown(const struct fault_ops *only)
{
	puts("| type | what the peer sees | its own keys (default) | needs | grade |\n"
	     "|---|---|---|---|---|");
	for (const struct fault_ops *const *o = catalogue; *o; o++)
		if (!only || *o == only)
			print_type(*o);
}

void fault_presets_markdown(const struct fault_ops *only)
{
	puts("| preset | settings | what it is | source |\n"
	     "|---|---|---|---|");
	for (const struct fault_ops *const *o = catalogue; *o; o++) {
		const struct preset *p = !only || *o == only ? (*o)->type.presets : NULL;

		for (; p && p->name; p++) {
			printf("| `%s` | `%s` | ", p->name, p->settings);
			print_cell(p->about);
			putchar(' ');
			print_cell(p->source);
			putchar('\n');
		}
	}
}
