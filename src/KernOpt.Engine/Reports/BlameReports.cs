using KernOpt.Engine.Blaming;

namespace KernOpt.Engine.Reports;

/// <summary>
/// Where the time of a root goes. StepSeconds: how long each function was measured; Threshold: the share that is looked into and named; Threads: inside of the root on average, which is its share of
/// the wall time where there is one. Notes: what was not taken out, and why it ended early.
/// </summary>
public sealed record BlameReport(string Target, string Root, string Module, double Seconds, double StepSeconds, double Threshold, int Steps, double Threads, BlameVerdictRow Verdict, BlameRow Tree,
    IReadOnlyList<RefusalRow> Refusals, IReadOnlyList<string> Notes);

/// <summary>
/// Verdict: bottleneck or inconclusive. Kind, Name, Share (Low, High: its 95 % interval): the largest part that was found, null where there is none; Path leads to it from the root, where it is at
/// several places to the largest.
/// </summary>
public sealed record BlameVerdictRow(string Verdict, BlameKind? Kind, string? Name, string? Module, double? Share, double? Low, double? High, IReadOnlyList<string> Path, int Places, string Why);

/// <summary>
/// A function or system call as its parent in the tree calls it. Shares are of the root's time; Own: without what it calls, null where it was not looked into. Threads: inside on average while it was
/// measured. IsTail: its parent ends with a jump to it. Unmeasured: calls whose time is in its own. Lost: calls that were left by jumps or exceptions, or for which there was no room.
/// </summary>
public sealed record BlameRow(string Name, string Module, CalleeKind Kind, bool IsTail, double Share, double Low, double High, double? Own, double CallsPerSecond, double? MeanNanoseconds, double? Threads,
    string? WhyNot, IReadOnlyList<string> Unmeasured, long Lost, IReadOnlyList<BlameRow> Children);
