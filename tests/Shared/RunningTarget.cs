using System.Diagnostics;

namespace KernOpt.Tests.Shared;

/// <summary>A target program that this test started; ended with the test. Its lines of output are kept.</summary>
internal sealed class RunningTarget : IDisposable
{
    private readonly List<string> lines = [];
    private readonly Process process;
    private bool isDisposed;

    public RunningTarget(string program, params string[] arguments)
    {
        process = new Process { StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true } };
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Pid => process.Id;

    public bool IsAlive => !process.HasExited;

    public IReadOnlyList<string> Lines
    {
        get { lock (lines) return [.. lines]; }
    }

    /// <summary>Waits until a line that fits has been printed.</summary>
    public async Task<string> WaitForLineAsync(Func<string, bool> fits, TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < limit)
        {
            if (Lines.FirstOrDefault(fits) is { } line) return line;
            if (!IsAlive) throw new InvalidOperationException($"the target ended: {string.Join('\n', Lines)}");
            await Task.Delay(20);
        }
        throw new TimeoutException($"no such line within {limit}: {string.Join('\n', Lines)}");
    }

    public void Dispose()
    {
        if (isDisposed) return;
        isDisposed = true;
        if (IsAlive) process.Kill(entireProcessTree: true);
        // Without a limit it would also wait for the end of the streams, which a process that left the tree may hold.
        process.WaitForExit(TimeSpan.FromSeconds(5));
        process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (lines) lines.Add(line);
    }
}
