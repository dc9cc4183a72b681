using KernOpt.Target;

namespace KernOpt.Engine.Reports;

/// <summary>Call stacks, the most frequent first. Total: copies; Truncated: those of them that ended before the stack did; NotKept: copies of stacks beyond those that a report holds; Lost: passages that found no room.</summary>
public sealed record StacksReport(IReadOnlyList<StackRow> Stacks, long Total, long Truncated, long NotKept, long Lost);

/// <summary>Share: of the copies. End: complete, truncated, no-table, not-known or too-deep. Frames: the innermost first.</summary>
public sealed record StackRow(long Count, double Share, string End, IReadOnlyList<StackFrameRow> Frames);

/// <summary>
/// Address: of the place itself for the innermost frame and one that a signal interrupted, and behind the call for others. Offset: of the address from the function's start, or from the load bias where no function
/// is known. Module, Function and Offset are null where they are not known.
/// </summary>
public sealed record StackFrameRow(Address Address, string? Module, string? Function, ulong? Offset);
