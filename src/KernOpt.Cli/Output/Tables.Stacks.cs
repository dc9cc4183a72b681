using KernOpt.Engine.Reports;
using Spectre.Console;

namespace KernOpt.Cli.Output;

internal static partial class Tables
{
    private static void Stacks(IAnsiConsole console, StacksReport stacks, int top)
    {
        foreach (var stack in stacks.Stacks.Take(top))
        {
            console.MarkupLineInterpolated($"[bold]{stack.Count} times, {Percent(stack.Share)}[/]");
            foreach (var frame in stack.Frames) console.WriteLine($"  {StackNames.WithOffset(frame)}");
            if (StackNames.OfEnd(stack.End) is { } end) console.MarkupLineInterpolated($"  [grey]{end}[/]");
        }
        if (stacks.Stacks.Count > top) console.MarkupLineInterpolated($"and {stacks.Stacks.Count - top} stacks more; --top shows them, --json has all");
        if (stacks.Truncated > 0) console.MarkupLineInterpolated($"{stacks.Truncated} of {stacks.Total} stacks are truncated: they are deeper than what was copied");
        if (stacks.NotKept > 0) console.MarkupLineInterpolated($"{stacks.NotKept} stacks were counted and not kept");
        if (stacks.Lost > 0) console.MarkupLineInterpolated($"{stacks.Lost} passages were not recorded: they came faster than the records could be read; sample with --when 'every(N)'");
    }
}
