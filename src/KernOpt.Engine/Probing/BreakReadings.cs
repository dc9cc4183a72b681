using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Probes;
using KernOpt.Probes.Actions;

namespace KernOpt.Engine.Probing;

/// <summary>A thread that waits at a place. Target: its identity; Thread: as it is told itself; IsTargets: it is one of the target's, not of a forked child's.</summary>
public sealed record WaitingThread(string Target, int Thread, bool IsTargets, string Place);

/// <summary>Watches threads that wait: <see cref="BreakAction"/>. Each waits until what is done for it is done, or the time is over.</summary>
internal static class BreakReadings
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    /// <summary>A thread that nobody watches any more goes on after so long.</summary>
    private const double GraceSeconds = 1;

    public static async Task<ProbeReadings> ReadAsync(Session session, ProbeProgram program, PlacedProbes probes, Func<WaitingThread, CancellationToken, Task> stopped, TimeSpan time, CancellationToken cancellation)
    {
        var grace = (ulong)(new SessionNames(session).TicksPerSecond().Value * GraceSeconds);
        var served = new Dictionary<InstalledPoints, Task>();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            var seconds = await probes.WatchAsync(time, Look, LookAtAll, cancellation).ConfigureAwait(false);
            var passed = probes.Sets.Sum(s => (long)BreakAction.Read(s.SharedWord).Passed);
            return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => probes.Points[i].Word(program.ActionWords), _ => null))
            {
                Notes = passed == 0 ? [] : [$"{passed} passages did not wait, for another thread did"],
            };
        }
        finally
        {
            foreach (var set in probes.Sets) Stop(set);
            await ends.CancelAsync().ConfigureAwait(false);
        }

        void LookAtAll()
        {
            foreach (var set in probes.Sets)
            {
                BreakAction.Prolong(set.StoreShared, session.Target.ReadTimeStamp() + grace);
                if (served.TryGetValue(set, out var serving))
                {
                    if (!serving.IsCompleted) continue;
                    served.Remove(set);
                    BreakAction.Release(set.StoreShared);
                }
                else if (BreakAction.WhoWaits(set.SharedWord) is { } waiting && probes.Points.FirstOrDefault(p => p.Set == set && p.Number == waiting.Point) is { } point)
                {
                    var thread = new WaitingThread(session.Target.Identity, waiting.Thread, session.Target.ReadThreadNumbers().Contains(waiting.Thread), ProbeReadings.PlaceOf(point));
                    // Whatever it does: the thread's time is prolonged meanwhile, and the measurement's is kept.
                    served[set] = Task.Run(() => stopped(thread, ends.Token), CancellationToken.None);
                }
            }
        }

        static void Stop(InstalledPoints set)
        {
            BreakAction.Prolong(set.StoreShared, 0);
            BreakAction.Release(set.StoreShared);
        }
    }
}
