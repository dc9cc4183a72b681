using System.Diagnostics;

namespace KernOpt.Tests.Live.Live;

internal static class Wait
{
    /// <summary>Asks again until it is true; fails after 20 seconds.</summary>
    public static void Until(Func<bool> condition)
    {
        for (var start = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(2))
        {
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(20)) throw new TimeoutException("it never came true");
        }
    }
}
