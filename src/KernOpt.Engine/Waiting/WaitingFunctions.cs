using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Sessions;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Waiting;

/// <summary>Which functions wait, for the lock that is their first argument, and where futex(2) is called.</summary>
internal static class WaitingFunctions
{
    private const int Futex = 202;

    /// <summary>POSIX threads and semaphores, by what is waited for.</summary>
    private static readonly Dictionary<string, string> Kinds = new()
    {
        ["pthread_mutex_lock"] = "mutex", ["pthread_mutex_timedlock"] = "mutex", ["pthread_mutex_clocklock"] = "mutex",
        ["pthread_rwlock_rdlock"] = "rwlock", ["pthread_rwlock_wrlock"] = "rwlock", ["pthread_rwlock_timedrdlock"] = "rwlock", ["pthread_rwlock_timedwrlock"] = "rwlock",
        ["pthread_rwlock_clockrdlock"] = "rwlock", ["pthread_rwlock_clockwrlock"] = "rwlock",
        ["pthread_cond_wait"] = "condition", ["pthread_cond_timedwait"] = "condition", ["pthread_cond_clockwait"] = "condition",
        ["sem_wait"] = "semaphore", ["sem_timedwait"] = "semaphore", ["sem_clockwait"] = "semaphore",
        ["pthread_barrier_wait"] = "barrier",
    };

    public const string FutexKind = "futex";

    /// <summary>All of these names, also older versions of them. Trylock functions do not wait.</summary>
    public static IEnumerable<(Function Function, string Kind)> Find(Session session) => session.Program.Modules.SelectMany(m => m.Functions)
        .Select(f => (Function: f, Kind: f.Names.IsDefaultOrEmpty ? null : f.Names.Select(n => Kinds.GetValueOrDefault(n)).FirstOrDefault(k => k is not null))).Where(f => f.Kind is not null)!;

    /// <summary>Places where a constant says that it is futex(2).</summary>
    public static IEnumerable<(FunctionGraph Graph, List<CallSitePoints> Sites)> FindFutexes(Session session, CancellationToken cancellation)
    {
        foreach (var function in session.Program.Modules.SelectMany(m => m.Functions).Where(f => !f.IsFragment))
        {
            if (cancellation.IsCancellationRequested) yield break;
            if (!HoldsSystemCall(session, function) || !session.Parse(function).Try(out var graph, out _)) continue;
            var sites = CallSitePoints.In(graph).Where(s => s.IsSystemCall && s.Number == Futex).ToList();
            if (sites.Count > 0) yield return (graph, sites);
        }
    }

    /// <summary>Some bytes of it may be the instruction: few functions have them.</summary>
    private static bool HoldsSystemCall(Session session, Function function)
    {
        var bytes = new byte[function.Size];
        return bytes.AsSpan(0, session.Live.Source.Read(function.Start, bytes)).IndexOf((ReadOnlySpan<byte>)[0x0f, 0x05]) >= 0;
    }
}
