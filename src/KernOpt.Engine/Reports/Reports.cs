using KernOpt.Target;

namespace KernOpt.Engine.Reports;

/// <summary>What the commands answer. Names and meanings are a contract: src/docs/json.md. Shares are 0..1, times in the unit that the name says.</summary>
public sealed record HotReport(string Target, double Seconds, string Source, long Samples, long LostSamples, double CostShare, IReadOnlyList<HotRow> Functions, IReadOnlyList<HotBlockRow> Blocks);

/// <summary>Share of the target's user CPU time in the function's own code; Low and High are its 95 % interval.</summary>
public sealed record HotRow(string Function, string Module, double Share, double Low, double High, long Samples);

/// <summary>Share of the target's user CPU time in one basic block of a hot function.</summary>
public sealed record HotBlockRow(string Function, Address Block, double Share, int LoopDepth);

public sealed record InspectReport(string Target, double Seconds, long Functions, long Resolved, long Blocks, long Instructions,
    IReadOnlyList<ModuleRow> Modules, IReadOnlyList<RefusalRow> Refusals);

public sealed record ModuleRow(string Module, string Path, Address LoadBias, long Functions, long Resolved, long Blocks, long Instructions);

/// <summary>How many functions were refused for one reason, with some of their names; Detail is what was said of the first of them, where anything was.</summary>
public sealed record RefusalRow(Reason Reason, long Count, IReadOnlyList<string> Examples, string? Detail = null);

public sealed record FunctionReport(string Target, string Function, string StableName, string Module, Address Start, ulong Bytes, IReadOnlyList<string> Names,
    IReadOnlyList<string> Arguments, IReadOnlyList<BlockRow> Blocks, string? Site, IReadOnlyList<Refusal> Refusals);

public sealed record BlockRow(int Index, Address Start, string End, int LoopDepth, IReadOnlyList<int> Successors, IReadOnlyList<string> Instructions);

/// <summary>
/// SelfNanosecondsPerCall: CPU time in the function's own code per call, probe included; null where sampling is not possible. FirstCallAt: when the first recorded call was
/// read, some 10 ms after it was made, or later where the machine is busy; null when there was none.
/// </summary>
public sealed record ValuesReport(string Target, string Function, double Seconds, long Calls, double CallsPerSecond, double? SelfNanosecondsPerCall, long SampledOneIn, long Samples, long Lost,
    double CostShare, DateTimeOffset? FirstCallAt, IReadOnlyList<ArgumentRow> Arguments, IReadOnlyList<CallerRow> Callers);

/// <summary>One argument register. Bits is how much of it the function uses. AtLeast is the lower 95 % bound of the top value's share.</summary>
public sealed record ArgumentRow(string Register, int Bits, long Distinct, double AtLeast, IReadOnlyList<ValueRow> Top);

public sealed record ValueRow(string Value, long Count, double Share);

public sealed record CallerRow(string Caller, Address ReturnsTo, double Share);

/// <summary>
/// What code at places recorded. PlanningSeconds: finding how to get there; PlacingSeconds: all stores; RemovingSeconds: until all was out. When, Trace and Times are null where there is
/// none. Notes: what was not taken out, and why it ended early.
/// </summary>
public sealed record ProbeReport(string Target, string Action, string? When, double Seconds, double PlanningSeconds, double PlacingSeconds, double RemovingSeconds, int Places,
    IReadOnlyList<ProbeRow> Rows, TraceReport? Trace, TimesReport? Times, IReadOnlyList<RefusalRow> Refusals, IReadOnlyList<string> Notes)
{
    /// <summary>Passages in which a checked read found nothing, since the places were put in.</summary>
    public long Unreadable { get; init; }

    /// <summary>Null but for the action "stack".</summary>
    public StacksReport? Stacks { get; init; }
}

/// <summary>One instruction and how often control came to it and the predicate held. Rung: how its code was reached. Values: null but for the action "values".</summary>
public sealed record ProbeRow(string Place, string Function, string Module, Address Address, string Instruction, string Rung, long Count, double PerSecond, IReadOnlyList<ValueTableRow>? Values);

/// <summary>The values of one expression at a place. Other: occurrences of values beyond the first that the table had room for.</summary>
public sealed record ValueTableRow(string Expression, long Other, IReadOnlyList<ValueRow> Top);

/// <summary>Recorded passages in order of time. NotKept: more than a report holds; Lost: passages that found the ring full.</summary>
public sealed record TraceReport(IReadOnlyList<string> Fields, IReadOnlyList<TraceRow> Records, long NotKept, long Lost);

/// <summary>How long calls lasted. NoRoom: calls that began and were not timed, for want of room; NoEntry: exits of calls that were not seen to begin.</summary>
public sealed record TimesReport(IReadOnlyList<TimeRow> Functions, long NoRoom, long NoEntry);

/// <summary>Calls of one function that ended, and how long they lasted by the wall clock, what they called included. AtMost: no more than this, and no less than half of it.</summary>
public sealed record TimeRow(string Function, string Module, long Calls, double TotalSeconds, double MeanNanoseconds, double MedianAtMostNanoseconds, double P99AtMostNanoseconds);

/// <summary>How many threads were inside functions, by so many looks.</summary>
public sealed record ConcurrencyReport(string Target, double Seconds, int Samples, IReadOnlyList<ConcurrencyRow> Functions, IReadOnlyList<RefusalRow> Refusals, IReadOnlyList<string> Notes);

/// <summary>
/// One function. Calls: that began; NanosecondsPerCall: how long they lasted on average by Little's law, null where there were none. Levels: how long so many threads were inside. Timeline:
/// the mean of each of up to 60 equal slices of the time.
/// </summary>
public sealed record ConcurrencyRow(string Function, string Module, double Mean, long Most, long Calls, double? NanosecondsPerCall, IReadOnlyList<LevelRow> Levels, IReadOnlyList<double> Timeline);

/// <summary>Share of the looks at which so many threads were inside.</summary>
public sealed record LevelRow(long Threads, double Share);

/// <summary>One passage: seconds since the measuring began.</summary>
public sealed record TraceRow(double Seconds, string Place, IReadOnlyList<string> Values);

/// <summary>How often the blocks and edges of one function were run in so many seconds; Counted places have counters, the rest follows from them. Threads: how many the target had at most.</summary>
public sealed record BlocksReport(string Target, string Function, string Module, double Seconds, int Counted, int Threads, IReadOnlyList<BlockCountRow> Blocks, IReadOnlyList<EdgeRow> Edges,
    IReadOnlyList<RefusalRow> Refusals, IReadOnlyList<string> Notes);

/// <summary>
/// Source: counted, derived or unknown; Count is null for the last. AtLeast and AtMost: between what it is, whatever the threads did while the counters were read. Leaving: how often it was run to its end, which
/// is less where a call in it does not come back, and more where one comes back twice.
/// </summary>
public sealed record BlockCountRow(int Index, Address Start, long? Count, string Source, long? AtLeast, long? AtMost, long? Leaving, int LoopDepth, IReadOnlyList<string> Instructions);

/// <summary>Source: derived or unknown. Share: of what left the block, 0 to 1.</summary>
public sealed record EdgeRow(int From, int To, long? Count, string Source, long? AtLeast, long? AtMost, double? Share);

/// <summary>
/// Which code of modules was run. Marks: blocks that were watched; Waiting: those of them that were not run, whose marks were in to the end. PlacingSeconds and RemovingSeconds: until all were in and
/// out.
/// </summary>
public sealed record CoverReport(string Target, double Seconds, double PlacingSeconds, double RemovingSeconds, int Marks, int Waiting, IReadOnlyList<CoverModuleRow> Modules,
    IReadOnlyList<CoverFileRow> Files, IReadOnlyList<RefusalRow> Refusals, IReadOnlyList<string> Notes);

/// <summary>Functions that are resolved, and their blocks. BlocksUnknown took no mark, and nothing follows from others. Lines: null where the module does not tell its sources.</summary>
public sealed record CoverModuleRow(string Module, int Functions, int FunctionsHit, int Blocks, int BlocksHit, int BlocksUnknown, int? Lines, int? LinesHit);

public sealed record CoverFileRow(string Module, string File, int Lines, int LinesHit);

/// <summary>How many instructions of resolved functions take a probe, each by itself.</summary>
public sealed record ReachReport(string Target, double Seconds, long Instructions, long Reached, IReadOnlyList<ReachRow> Modules, IReadOnlyList<RefusalRow> Refusals,
    IReadOnlyList<RefusalRow> Unresolved);

/// <summary>Jump, Call, EarlierJump, LaterJump, Springboard, PunnedJump, PunnedCall, Copy: how many instructions are reached so. Countable: of those refused, how many passages can be counted, by an instruction behind them.</summary>
public sealed record ReachRow(string Module, long Functions, long Resolved, long Instructions, long Jump, long Call, long EarlierJump, long LaterJump, long Springboard, long PunnedJump,
    long PunnedCall, long Copy, long Refused, long Countable);

public sealed record FunctionReachReport(string Target, string Function, Address Start, IReadOnlyList<PointRow> Points);

/// <summary>One instruction: by which rung it is reached, or why not.</summary>
public sealed record PointRow(Address Address, string Instruction, string? Rung, Reason? Refused);

/// <summary>A version that was built, validated and installed.</summary>
public sealed record VersionReport(string Target, ulong Id, string Kind, string Function, string Bindings, Address Site, int Bytes,
    int InstructionsBefore, int InstructionsAfter, int BlocksBefore, int BlocksAfter, int CallSitesPatched, ValidationRow? Validation, IReadOnlyList<PassRow> Passes);

public sealed record ValidationRow(long Runs, long Returned, long Faulted, long NotCompared, double RunsPerSecond, ulong Seed);

public sealed record PassRow(string Pass, int Changed, int Instructions, int Blocks, double Microseconds);

/// <summary>Effect is the version's cost over the original's (below 1 is faster), with its confidence interval. IsSelf: both were the original.</summary>
public sealed record AbReport(string Target, ulong Id, string Function, string Verdict, double Effect, double Low, double High, double PValue, double Confidence,
    string Metric, int BlocksUsed, int BlocksExcluded, double OriginalCost, double VersionCost, string Unit, long Calls, double Seconds, string Test, string Why,
    IReadOnlyList<double> Ratios, bool IsSelf);

public sealed record TuneReport(string Target, string Policy, double Seconds, IReadOnlyList<ExperimentRow> Experiments, IReadOnlyList<RefusalRow> Refusals,
    double ProfilingCostShare, double LongestHoldMicroseconds);

public sealed record ExperimentRow(string Function, string Technique, string Bindings, double Share, ulong? Id, string Outcome, double? Effect, double? Low, double? High, string Why);

public sealed record ListReport(string Target, IReadOnlyList<InstalledRow> Versions, int ChangedPlaces);

public sealed record InstalledRow(ulong Id, string Kind, string Function, string Bindings, string State, int Bytes, long GuardMisses, long Calls, string Created);

/// <summary>IsComplete: what was to be taken out is out, its memory with it. TextIsOriginal speaks of all text of the target, whatever was taken out.</summary>
public sealed record TakenOutReport(string Target, int Reverted, int Remaining, bool IsComplete, bool TextIsOriginal, IReadOnlyList<string> Notes);

public sealed record RelocateReport(string Target, IReadOnlyList<VersionReport> Installed, IReadOnlyList<RefusalRow> Refusals);
