using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using KernOpt.Engine.Policies;
using KernOpt.Target;
using Polly;
using Polly.Retry;

namespace KernOpt.Engine.Objectives;

/// <summary>
/// Reads a number from what a command prints. Only a start that failed for want of resources is tried again (EAGAIN of fork(2), ETXTBSY of
/// execve(2)): a command that ran may have done something.
/// </summary>
internal sealed class CommandObjective(ObjectivePlan plan) : IObjective
{
    private const int TryAgain = 11;
    private const int TextFileBusy = 26;
    private const int LargestAnswer = 1024 * 1024;

    private static readonly ResiliencePipeline Retries = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<Win32Exception>(e => e.NativeErrorCode is TryAgain or TextFileBusy),
        MaxRetryAttempts = 2,
        Delay = TimeSpan.FromMilliseconds(50),
    }).Build();

    public string Name => string.Join(' ', plan.Command);

    public async ValueTask<KernOpt.Target.Outcome<double>> ReadAsync(CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(plan.Timeout);
        try
        {
            using var process = await Retries.ExecuteAsync(_ => ValueTask.FromResult(Start()), limit.Token).ConfigureAwait(false);
            try
            {
                process.StandardInput.Close();
                var errors = DrainAsync(process.StandardError, limit.Token);
                var text = await DrainAsync(process.StandardOutput, limit.Token).ConfigureAwait(false);
                await errors.ConfigureAwait(false);
                await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
                if (process.ExitCode != 0) return Reasons.ObjectiveUnreadable.With($"{Name}: exit code {process.ExitCode}");
                return NumberInText.Find(text, plan) is { } number ? number : Reasons.ObjectiveNotANumber.With($"{Name}: printed {text.Length} characters without it");
            }
            finally
            {
                if (!process.HasExited) process.Kill(entireProcessTree: true);
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Reasons.ObjectiveUnreadable.With($"{Name}: not done within {plan.Timeout.TotalSeconds:0.###}s");
        }
        catch (OperationCanceledException)
        {
            return Reasons.Interrupted.With(Name);
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            return Reasons.ObjectiveUnreadable.With($"{Name}: {e.Message}");
        }
    }

    public void Dispose()
    {
    }

    private Process Start() => Process.Start(new ProcessStartInfo(plan.Command[0], plan.Command.Skip(1))
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    /// <summary>Reads to the end, so that the command never waits for a full pipe; keeps the first mebibyte.</summary>
    private static async Task<string> DrainAsync(StreamReader from, CancellationToken cancel)
    {
        var text = new StringBuilder();
        var buffer = new char[4_096];
        while (await from.ReadAsync(buffer, cancel).ConfigureAwait(false) is var count and > 0)
        {
            if (text.Length < LargestAnswer) text.Append(buffer, 0, count);
        }
        return text.ToString();
    }
}
