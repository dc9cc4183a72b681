using KernOpt.Engine.Policies;
using KernOpt.Target;
using Polly;
using Polly.Retry;

namespace KernOpt.Engine.Objectives;

/// <summary>
/// Reads a number from an address. What passes by itself (no connection, a broken one, 408, 429, 5xx) is tried three times in all;
/// an answer that is wrong is not asked for again.
/// </summary>
internal sealed class HttpObjective : IObjective
{
    private const int LargestAnswer = 4 * 1024 * 1024;

    private readonly ObjectivePlan plan;
    private readonly HttpClient client;
    private readonly ResiliencePipeline retries;

    public HttpObjective(ObjectivePlan plan, TimeSpan? pause = null)
    {
        this.plan = plan;
        client = new HttpClient { Timeout = plan.Timeout, MaxResponseContentBufferSize = LargestAnswer };
        retries = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<HttpRequestException>(IsTransient),
            MaxRetryAttempts = 2,
            Delay = pause ?? TimeSpan.FromMilliseconds(50),
            BackoffType = DelayBackoffType.Exponential,
        }).Build();
    }

    public string Name => plan.Metric.Length > 0 ? $"{plan.Url} {plan.Metric}" : plan.Url;

    public async ValueTask<KernOpt.Target.Outcome<double>> ReadAsync(CancellationToken cancel)
    {
        try
        {
            var text = await retries.ExecuteAsync(async token => await ReadTextAsync(token).ConfigureAwait(false), cancel).ConfigureAwait(false);
            return NumberInText.Find(text, plan) is { } number ? number : Reasons.ObjectiveNotANumber.With($"{Name}: {text.Length} characters without it");
        }
        catch (HttpRequestException e)
        {
            return Reasons.ObjectiveUnreadable.With($"{Name}: {e.Message}");
        }
        catch (TaskCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Reasons.ObjectiveUnreadable.With($"{Name}: no answer within {plan.Timeout.TotalSeconds:0.###}s");
        }
        catch (OperationCanceledException)
        {
            return Reasons.Interrupted.With(Name);
        }
    }

    public void Dispose() => client.Dispose();

    private async Task<string> ReadTextAsync(CancellationToken cancel)
    {
        using var answer = await client.GetAsync(new Uri(plan.Url), cancel).ConfigureAwait(false);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
    }

    private static bool IsTransient(HttpRequestException e) => e.StatusCode is null
        ? e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded or HttpRequestError.Unknown
        : (int)e.StatusCode is 408 or 429 or >= 500;
}
