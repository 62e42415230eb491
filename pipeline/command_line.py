"""How every command of the pipeline reads its flags: one that takes a single value is given once."""

from __future__ import annotations

from collections import Counter

import click


class Command(click.Command):
    """A command that refuses a flag that stands twice; click would take the last and not say so."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``args``.

        Raises
        ------
        click.UsageError: a flag with one value stands more than once.
        """
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for parameter, times in Counter(order).items():
                if times > 1 and isinstance(parameter, click.Option) and not _may_repeat(parameter):
                    raise click.UsageError(f"{parameter.opts[0]} stands {times} times; it takes one value", ctx)
        return super().parse_args(ctx, args)


def _may_repeat(option: click.Option) -> bool:
    return option.is_flag or option.multiple or option.count
