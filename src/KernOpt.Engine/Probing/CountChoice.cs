using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;

namespace KernOpt.Engine.Probing;

/// <summary>
/// Which way of counting <c>count</c> is: by <see cref="PerThreadCountAction"/>, which does not mind how many threads pass at once, where that is as exact as a locked increment as far as it can be
/// told, and by <see cref="CountAction"/> elsewhere.
/// </summary>
internal static class CountChoice
{
    /// <summary>More points would take more than a megabyte of words.</summary>
    private const int MostPoints = 64;

    /// <summary>With more threads, most passages are not those of the one that passes most.</summary>
    private const int MostForFirst = 2;

    /// <summary>With these a program can make threads, thread-local memory, or namespaces of processes by itself, so that two threads have one number, or one has none.</summary>
    private static readonly HashSet<string> MakesThreads = ["clone", "__clone", "clone3", "arch_prctl", "syscall", "unshare", "setns"];

    /// <summary>The same program where it counts in no other way, or was told how to.</summary>
    public static ProbeProgram For(Session session, ProbeProgram program, IReadOnlyList<PlacementPlan> plans)
    {
        // Where flags change it was planned for this very program.
        if (program.Action is not CountAction { IsAlwaysLocked: false } || program.ThreadMarks.Any() || plans.Sum(p => p.Placements.Sum(l => l.Points.Length)) > MostPoints || !HasThreadsOfTheLibrary(session)) return program;
        if (!session.Target.FindThreadNumberOffset().Try(out var offset, out _)) return program;
        return ProbeProgram.Of(program.When, new PerThreadCountAction(offset, session.Target.ReadThreadNumbers().Count <= MostForFirst), program.UnreadableWord is not null, FaultRecovery.IsLikely(session)).Try(out var perThread, out _) ? perThread : program;
    }

    /// <summary>The C library is one of its modules, and no other one makes threads; one whose file cannot be read may.</summary>
    private static bool HasThreadsOfTheLibrary(Session session) =>
        session.Program.Modules.Any(m => IsLibrary(m.Name)) && session.Program.Modules.All(m => IsLibrary(m.Name) || (m.File.Try(out var file, out _) && !file.Imports.Slots.Values.Any(MakesThreads.Contains)));

    private static bool IsLibrary(string module) => module is "libc.so.6" or "ld-linux-x86-64.so.2" or "libpthread.so.0";
}
