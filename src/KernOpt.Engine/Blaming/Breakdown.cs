using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>
/// What to measure: a function, as far as CalledFrom calls it (null: whoever does), by way of Via: itself, or what it calls and ends with a jump to the function. Adopts: threads that are in it already count as soon as they call something in it; for what does not
/// return.
/// </summary>
public sealed record BreakdownRequest(Callee Callee, Callee? CalledFrom, Callee Via, bool Adopts);

/// <summary>
/// A function for a while: seconds that threads were inside by slices of the time, and in what it called. What is left is its own. Unmeasured: calls whose time is in its own, since they take no probe.
/// Lost: calls left by jumps and exceptions, or for which there was no room.
/// </summary>
public sealed record Breakdown(double Seconds, long Calls, IReadOnlyList<double> Inside, IReadOnlyList<BreakdownPart> Parts, IReadOnlyList<string> Unmeasured, long Lost, int Places, IReadOnlyList<string> Notes);

/// <summary>One callee at all places together. IsTail: the function ends with a jump to it.</summary>
public sealed record BreakdownPart(Callee Callee, bool IsTail, long Calls, IReadOnlyList<double> Seconds);

/// <summary>Measures functions.</summary>
public interface IBreakdowns
{
    /// <summary>Refused where the function's time cannot be measured.</summary>
    Task<Outcome<Breakdown>> MeasureAsync(BreakdownRequest request, CancellationToken cancellation);
}
