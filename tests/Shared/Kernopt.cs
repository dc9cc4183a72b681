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

    public static async Task<Kernopt> RunAsync(TimeSpan limit, params string[] arguments)
    {
        using var process = Start(arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var late = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"kernopt {string.Join(' ', arguments)} ran for more than {limit}: {await errors}");
        }
        return new Kernopt(process.ExitCode, await output, await errors);
    }

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["XDG_STATE_HOME"] = Scratch.Folder;
        return Process.Start(start) ?? throw new InvalidOperationException("kernopt did not start");
    }

    public override string ToString() => $"exit {ExitCode}\n{Output}\n{Errors}";
}
