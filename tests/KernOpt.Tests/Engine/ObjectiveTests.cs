using System.Net;
using System.Net.Sockets;
using System.Text;
using KernOpt.Engine.Objectives;
using KernOpt.Engine.Policies;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Engine;

public sealed class ObjectiveTests
{
    private const string Metrics =
        """
        # HELP http_requests_total Requests.
        http_requests_total{method="post",code="200"} 1027 1395066363000
        http_requests_total{method="get",code="200"} 3
        http_requests_total{method="get",code="400"} 5
        http_requests_total_more 9
        odd{path="a }\"b"} 1.5e3
        bad NaN

        """;

    [Theory]
    [InlineData("http_requests_total", 1035.0)]
    [InlineData("http_requests_total{code=\"200\"}", 1030.0)]
    [InlineData("http_requests_total{code=\"200\", method=\"get\"}", 3.0)]
    [InlineData("odd", 1500.0)]
    [InlineData("http_requests", null)]
    [InlineData("bad", null)]
    public void PrometheusSample_IsFoundByNameAndLabels(string metric, double? expected)
        => Assert.Equal(expected, NumberInText.Find(Metrics, new() { Metric = metric }));

    [Theory]
    [InlineData("ops: 12.5/s", "", 12.5)]
    [InlineData("a=1\nops=7", "^ops=([0-9]+)$", 7.0)]
    [InlineData("none here", "", null)]
    [InlineData("ops=x", "ops=(.)", null)]
    public void NumberInText_IsTheFirst_OrThePatterns(string text, string pattern, double? expected)
        => Assert.Equal(expected, NumberInText.Find(text, new() { Pattern = pattern }));

    [Fact]
    public async Task Command_GivesItsNumber_OrSaysWhyNot()
    {
        Assert.Equal(42, (await Run("echo 42")).Value);
        Assert.Equal(Reasons.ObjectiveUnreadable, (await Run("exit 3")).Refusal.Reason);
        Assert.Equal(Reasons.ObjectiveNotANumber, (await Run("echo nothing")).Refusal.Reason);
        Assert.Contains("not done within", (await Run("sleep 60", TimeSpan.FromMilliseconds(200))).Refusal.Detail);
        using var missing = Objective.Of(new() { Kind = ObjectiveKind.Command, Command = ["/nonexistent/program"] })!;
        Assert.Equal(Reasons.ObjectiveUnreadable, (await missing.ReadAsync(TestContext.Current.CancellationToken)).Refusal.Reason);
        // More than a pipe holds on the side that is not looked at must not block it.
        Assert.Equal(5, (await Run("head -c 300000 /dev/zero >&2; echo 5")).Value);
    }

    [Fact]
    public async Task Http_TransientFailureIsRetried_WrongAnswerIsNot()
    {
        using var server = new AnswersInTurn("503 Busy\n", "200 OK\nvalue 7\n", "404 Gone\n", "200 OK\nvalue 8\n", "200 OK\nnothing\n");
        using var objective = new HttpObjective(new() { Kind = ObjectiveKind.Http, Url = server.Url, Metric = "value", Timeout = TimeSpan.FromSeconds(10) }, TimeSpan.FromMilliseconds(1));
        Assert.Equal(7, (await objective.ReadAsync(TestContext.Current.CancellationToken)).Value);
        Assert.Equal(Reasons.ObjectiveUnreadable, (await objective.ReadAsync(TestContext.Current.CancellationToken)).Refusal.Reason);
        Assert.Equal(3, server.Answered);
        Assert.Equal(8, (await objective.ReadAsync(TestContext.Current.CancellationToken)).Value);
        Assert.Equal(Reasons.ObjectiveNotANumber, (await objective.ReadAsync(TestContext.Current.CancellationToken)).Refusal.Reason);
        Assert.Equal(5, server.Answered);
    }

    [Fact]
    public async Task Http_NobodyThere_IsAValue()
    {
        using var objective = Objective.Of(new() { Kind = ObjectiveKind.Http, Url = "http://127.0.0.1:1/" })!;
        Assert.Equal(Reasons.ObjectiveUnreadable, (await objective.ReadAsync(TestContext.Current.CancellationToken)).Refusal.Reason);
    }

    [Fact]
    public async Task Cancelled_IsAValueToo()
    {
        using var ended = new CancellationTokenSource();
        await ended.CancelAsync();
        using var command = Objective.Of(new() { Kind = ObjectiveKind.Command, Command = ["/bin/echo", "1"] })!;
        Assert.Equal(Reasons.Interrupted, (await command.ReadAsync(ended.Token)).Refusal.Reason);
        using var address = Objective.Of(new() { Kind = ObjectiveKind.Http, Url = "http://127.0.0.1:1/" })!;
        Assert.Equal(Reasons.Interrupted, (await address.ReadAsync(ended.Token)).Refusal.Reason);
    }

    [Fact]
    public async Task CounterThatFell_IsNotANumber()
    {
        using var server = new AnswersInTurn("200 OK\n9\n", "200 OK\n4\n");
        using var objective = Objective.Of(new() { Kind = ObjectiveKind.Http, Url = server.Url, Timeout = TimeSpan.FromSeconds(10) })!;
        var meter = new ObjectiveMeter(objective, isCounter: true);
        Assert.True((await meter.StartAsync(TestContext.Current.CancellationToken)).IsDone);
        Assert.Equal(Reasons.ObjectiveNotANumber, (await meter.EndAsync(TestContext.Current.CancellationToken)).Refusal.Reason);
    }

    private static async Task<Outcome<double>> Run(string script, TimeSpan? timeout = null)
    {
        using var objective = Objective.Of(new() { Kind = ObjectiveKind.Command, Command = ["/bin/sh", "-c", script], Timeout = timeout ?? TimeSpan.FromSeconds(30) })!;
        return await objective.ReadAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>A real server on a free port that gives each caller the next answer ("status line\nbody") and closes.</summary>
    private sealed class AnswersInTurn : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);

        public AnswersInTurn(params string[] answers)
        {
            listener.Start();
            _ = Task.Run(async () =>
            {
                foreach (var answer in answers)
                {
                    using var caller = await listener.AcceptTcpClientAsync();
                    var stream = caller.GetStream();
                    _ = await stream.ReadAsync(new byte[4_096]);
                    Answered++;
                    var (status, body) = (answer[..answer.IndexOf('\n')], answer[(answer.IndexOf('\n') + 1)..]);
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"));
                }
            });
        }

        public int Answered { get; private set; }

        public string Url => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/";

        public void Dispose() => listener.Dispose();
    }
}
