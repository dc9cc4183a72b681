using System.Runtime.InteropServices;

namespace KernOpt.Bench.Figures;

/// <summary>kill(2).</summary>
internal static partial class Signals
{
    public const int Interrupt = 2, Kill = 9, User1 = 10;

    public static void Send(int pid, int signal)
    {
        if (kill(pid, signal) != 0) throw new InvalidOperationException($"kill {pid} {signal}: errno {Marshal.GetLastPInvokeError()}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
