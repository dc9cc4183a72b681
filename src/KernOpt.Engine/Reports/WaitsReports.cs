using KernOpt.Target;

namespace KernOpt.Engine.Reports;

/// <summary>
/// How long threads waited for locks. Waits are calls that lasted LeastMicroseconds or more, and ended; Waiting: calls that had not come back at the end. Others: waits of locks and callers beyond
/// those that there was room for. NoRoom: calls that were not measured; NoEntry: ends of calls that were not seen to begin.
/// </summary>
public sealed record WaitsReport(string Target, double Seconds, double LeastMicroseconds, IReadOnlyList<WaitLockRow> Locks, IReadOnlyList<WaitFunctionRow> Functions, IReadOnlyList<OpenWaitRow> Waiting,
    long OtherWaits, double OtherSeconds, long NoRoom, long NoEntry, int Places, IReadOnlyList<RefusalRow> Refusals, IReadOnlyList<string> Notes);

/// <summary>
/// What was waited for. Kind: mutex, rwlock, condition, semaphore, barrier, or futex for the word that futex(2) waits for, whose time is also in the lock's own row where that is one of those.
/// Threads: that waited for it at once, on average.
/// </summary>
public sealed record WaitLockRow(Address Lock, string Name, string Kind, long Waits, double Seconds, double Threads, double MeanMicroseconds, double LongestMicroseconds, IReadOnlyList<WaitCallerRow> Callers);

/// <summary>Who waited: where the function that waits returns to. LongestSeconds: since the probes are in.</summary>
public sealed record WaitCallerRow(string Caller, Address ReturnsTo, string Function, long Waits, double Seconds, double LongestSeconds);

/// <summary>Calls of a function that may wait, that ended; for futex, of the system calls in it that wait.</summary>
public sealed record WaitFunctionRow(string Function, string Module, string Kind, long Calls, long Waits, double WaitSeconds);

/// <summary>Calls that had not come back, for how long the longest; those of threads that have ended in between are among them.</summary>
public sealed record OpenWaitRow(Address Lock, string Name, int Calls, double LongestSeconds);
