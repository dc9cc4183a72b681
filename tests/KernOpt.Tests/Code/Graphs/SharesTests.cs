using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

public sealed class SharesTests(ITestOutputHelper output)
{
    [Fact]
    public void Table()
    {
        foreach (var path in (Environment.GetEnvironmentVariable("KERNOPT_PARSE") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            var file = BinaryFile.Open(path);
            var functions = file.Module.Functions.Where(f => !f.IsFragment && !file.TryGetImport(f.Start, out _)).ToList();
            for (var i = 0; i < 2; i++)
            {
                var watch = Stopwatch.StartNew();
                var results = functions.Select(f => (Function: f, Outcome: FunctionParser.Parse(f, file))).ToList();
                var seconds = watch.Elapsed.TotalSeconds;
                if (i == 0) continue;
                var done = results.Count(r => r.Outcome.IsDone);
                output.WriteLine($"{file.Module.Name,-24} {functions.Count,6} functions  {100.0 * done / functions.Count:f2} %  {functions.Count / seconds:f0}/s");
                foreach (var group in results.Where(r => !r.Outcome.IsDone).GroupBy(r => r.Outcome.Refusal.Reason).OrderByDescending(g => g.Count()))
                {
                    output.WriteLine($"    {group.Key} {group.Count()}: {string.Join("; ", group.Take(12).Select(r => $"{r.Function.Start}+{r.Function.Size:x} {r.Outcome.Refusal.Detail}"))}");
                }
            }
        }
    }
}
