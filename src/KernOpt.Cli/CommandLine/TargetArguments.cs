using System.CommandLine;
using KernOpt.Kernel;
using KernOpt.Linux;
using KernOpt.Target;

namespace KernOpt.Cli.CommandLine;

/// <summary>TARGET: --pid N, --kernel, or everything after "--" as a command to launch.</summary>
internal sealed class TargetArguments
{
    private readonly IReadOnlyList<string> launch;

    public TargetArguments(IReadOnlyList<string> launch) => this.launch = launch;

    public Option<int?> Pid { get; } = new("--pid", "-p")
    {
        Description = "The process to work on; instead of it, -- COMMAND ARGS launches one",
        HelpName = "N",
        CustomParser = Numbers.Pid,
    };

    public Option<bool> Kernel { get; } = new("--kernel") { Description = "The running kernel instead of a process; needs KernOpt's driver, and root" };

    /// <summary>Splits the arguments at the first "--": what follows is the command to launch and is not parsed.</summary>
    public static (string[] Options, string[] Launch) Split(string[] arguments)
    {
        var at = Array.IndexOf(arguments, "--");
        return at < 0 ? (arguments, []) : (arguments[..at], arguments[(at + 1)..]);
    }

    public bool IsLaunch => launch.Count > 0;

    /// <param name="parse">The options that were given.</param>
    /// <param name="launchedOutput">The descriptor that becomes a launched command's standard output; -1: ours.</param>
    public Outcome<ITarget> Open(ParseResult parse, int launchedOutput)
    {
        var pid = parse.GetValue(Pid);
        if (pid is not null && launch.Count > 0) return Reasons.TwoTargets.With($"--pid {pid} and -- {launch[0]}");
        if (parse.GetValue(Kernel)) return pid is null && launch.Count == 0 ? KernelTarget.Open().Then<ITarget>(t => t) : Reasons.TwoTargets.With($"--kernel and {(pid is null ? $"-- {launch[0]}" : $"--pid {pid}")}");
        if (pid is { } number) return ProcessTarget.Attach(number).Then<ITarget>(t => t);
        return launch.Count > 0 ? ProcessTarget.Launch(launch, standardOutput: launchedOutput).Then<ITarget>(t => t) : Reasons.NoTarget.With("");
    }
}
