using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// System calls that are made one after the other, by one borrowed thread or by several in turn, and what became of each. While a thread is held for it nothing is allocated.
/// </summary>
internal sealed class CallBatch(IReadOnlyList<RemoteArguments> calls)
{
    private readonly ulong[] values = new ulong[calls.Count];

    /// <summary>How many have been made, whatever the kernel answered.</summary>
    public int Made { get; private set; }

    public bool IsComplete => Made == calls.Count;

    public int Left => calls.Count - Made;

    public RemoteArguments Next => calls[Made];

    /// <summary>Those to come: 0 is the next one.</summary>
    public RemoteArguments this[int ahead] => calls[Made + ahead];

    /// <summary>The next one has been made.</summary>
    /// <param name="value">What the kernel answered: a value or a negated error.</param>
    public void Note(ulong value) => values[Made++] = value;

    /// <summary>In the order of the calls: the call's own value, or why it could not be made; an error of the call itself is refused with its number.</summary>
    /// <param name="why">Of those that have not been made.</param>
    public IReadOnlyList<Outcome<ulong>> Results(Refusal? why) => [.. calls.Select((call, i) => i < Made ? Result(call, values[i]) : why!)];

    private static Outcome<ulong> Result(RemoteArguments call, ulong value) =>
        (long)value is < 0 and > -4096 ? Reasons.RemoteCallFailed.With($"{call.Number}: {Errno.Describe((long)value)}") : value;
}
