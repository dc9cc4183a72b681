using System.Diagnostics;
using System.Text.Json;

namespace KernOpt.Tests.Shared;

/// <summary>Runs the command as users do, and keeps what it said.</summary>
internal sealed record Kernopt(int ExitCode, string Output, string Errors)
{
    private static readonly string Program = Path.Combine(Repository.Root, "kernopt");

    /// <summary>The result of a --json run.</summary>
    public JsonElement Result => JsonDocument.Parse(Output).RootElement.GetProperty("result");

    public static Task<Kernopt> RunAsync(params string[] arguments) => RunAsync(TimeSpan.FromMinutes(3), arguments);

    public static Task<Kernopt> RunAsync(TimeSpan limit, params string[] arguments) => RunAsync(Start(arguments), limit, arguments);

    /// <summary>With one variable more in its environment.</summary>
    public static Task<Kernopt> RunAsync((string Name, string Value) variable, params string[] arguments) =>
        RunAsync(Start(arguments, variable), TimeSpan.FromMinutes(3), arguments);

    private static async Task<Kernopt> RunAsync(Process started, TimeSpan limit, string[] arguments)
    {
        using var process = started;
        var output = Collected.From(process.StandardOutput);
        var errors = Collected.From(process.StandardError);
        using var late = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"kernopt {string.Join(' ', arguments)} ran for more than {limit}: {await errors.TextAsync()}");
        }
        return new Kernopt(process.ExitCode, await output.TextAsync(), await errors.TextAsync());
    }

    public static Process Start(params string[] arguments) => Start(arguments, null);

    private static Process Start(string[] arguments, (string Name, string Value)? variable)
    {
        // A shell without job control, and nohup, have what they start ignore SIGINT and SIGHUP; the tests send both.
        var start = new ProcessStartInfo("env", ["--default-signal=INT,HUP", Program]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["XDG_STATE_HOME"] = Scratch.Folder;
        if (variable is { } more) start.Environment[more.Name] = more.Value;
        return Process.Start(start) ?? throw new InvalidOperationException("kernopt did not start");
    }

    public override string ToString() => $"exit {ExitCode}\n{Output}\n{Errors}";

    /// <summary>What a stream has said. A program that kernopt launched keeps the stream open when kernopt has ended: then what is there by then counts.</summary>
    private sealed class Collected
    {
        private readonly global::System.Text.StringBuilder text = new();
        private Task reading = Task.CompletedTask;

        public static Collected From(StreamReader stream)
        {
            var collected = new Collected();
            collected.reading = collected.ReadAsync(stream);
            return collected;
        }

        public async Task<string> TextAsync()
        {
            await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(1)));
            lock (text) return text.ToString();
        }

        private async Task ReadAsync(StreamReader stream)
        {
            var buffer = new char[4096];
            try
            {
                for (int count; (count = await stream.ReadAsync(buffer)) > 0;)
                {
                    lock (text) text.Append(buffer, 0, count);
                }
            }
            catch (ObjectDisposedException)
            {
                // The process object was disposed of; what was read stays.
            }
        }
    }
}
