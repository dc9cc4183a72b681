using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>A condition about what the thread has passed before: its own word for each thread, written by code at other places of the same program.</summary>
public abstract record ThreadMark(int ThreadNumberOffset) : Expression;

/// <summary>
/// <c>inside(FUNC)</c>: a call of the function lasts, as far as its beginning was seen. Known by where the outermost call's return address lies: recursion and threads do not mix, and what a longjmp or an
/// exception has left is forgotten at the next passage further up in the stack; until then it counts as inside.
/// </summary>
public sealed record Inside(string Name, AddressRange Function, int ThreadNumberOffset) : ThreadMark(ThreadNumberOffset)
{
    public override string ToString() => $"inside({Name})";
}

/// <summary><c>flag(NAME)</c>: the thread has passed a place that sets the flag, and none since that clears it.</summary>
public sealed record Flag(string Name, int ThreadNumberOffset) : ThreadMark(ThreadNumberOffset)
{
    public override string ToString() => $"flag({Name})";
}
