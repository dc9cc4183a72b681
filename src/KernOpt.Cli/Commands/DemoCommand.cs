using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Demo;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt demo: the loop on a real program, with nothing to install and no root.</summary>
internal static class DemoCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(60), "How long to tune");
        return frame.Plain("demo", "The loop on a real program of this machine (perl), about one minute, no root", [duration], (parse, terminal, cancellation) =>
            DemoRun.RunAsync(frame, parse, terminal, duration.In(parse), cancellation));
    }
}
