namespace KernOpt.Target;

/// <summary>5520–5539: searches for where time goes.</summary>
public static partial class Reasons
{
    public static readonly Reason NotCalled = new(5520, nameof(NotCalled), "A function was not called while it was measured.");
    public static readonly Reason NothingWaits = new(5521, nameof(NothingWaits), "None of the functions and system calls that wait for locks is in the program, or none of them takes probes.");
}
