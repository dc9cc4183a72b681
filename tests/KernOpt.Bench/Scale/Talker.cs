using System.Diagnostics;

namespace KernOpt.Bench.Scale;

/// <summary>
/// A program that does a piece of work for each request that it reads from its standard input, and prints its results and then a line "end". Nothing in it is left to chance: no address space
/// layout of its own, no seeds, an environment of four variables.
/// </summary>
internal sealed class Talker : IDisposable
{
    private readonly Process process;

    private Talker(Process process) => this.process = process;

    public static Talker Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("setarch", ["-R", program, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment.Clear();
        foreach (var (name, value) in new[] { ("PATH", "/usr/bin:/bin"), ("LC_ALL", "C.UTF-8"), ("PYTHONHASHSEED", "0"), ("HOME", "/nonexistent") }) start.Environment[name] = value;
        NearNumbers();
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return new Talker(process);
    }

    /// <summary>The next process is given a number as long as ours: programs write theirs and their parents' down, and a digit more is a turn more of a loop.</summary>
    private static void NearNumbers()
    {
        try
        {
            File.WriteAllText("/proc/sys/kernel/ns_last_pid", $"{Environment.ProcessId}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Then it may be told apart by a digit, which is seen.
        }
    }

    public int Pid => process.Id;

    public bool IsAlive => !process.HasExited;

    /// <summary>What is printed up to "end". Throws when the program ends before.</summary>
    public async Task<string> AskAsync(string request)
    {
        await process.StandardInput.WriteAsync(request);
        await process.StandardInput.FlushAsync();
        var answer = new List<string>();
        while (true)
        {
            if (await process.StandardOutput.ReadLineAsync() is not { } line) throw new IOException($"it ended, having said: {string.Join('\n', answer.TakeLast(5))}");
            if (line == "end") return string.Join('\n', answer);
            answer.Add(line);
        }
    }

    /// <summary>Closes its input, and waits until it has ended of itself.</summary>
    public async Task<int> EndAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (IsAlive) process.Kill();
        process.WaitForExit(TimeSpan.FromSeconds(5));
        process.Dispose();
    }
}
