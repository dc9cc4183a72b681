using System.Globalization;
using System.Runtime.CompilerServices;
using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Linux.Threads;

namespace KernOpt.Tests.Live.Linux;

/// <summary>
/// This test program, started a second time: with one number it tries to attach and says what came of it; with "borrow" before it, it
/// borrows threads of that process for ever, so that a test can kill it at any instant; with "borrow-many" for many calls at once, with "borrow-row" for many without a stop between.
/// </summary>
internal static class AttachTrial
{
    public const string Variable = "KERNOPT_TEST_ATTACH";

    [ModuleInitializer]
    internal static void RunWhenAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } words) return;
        var attached = ProcessTarget.Attach(int.Parse(words.Split(' ')[^1], CultureInfo.InvariantCulture));
        if (!attached.Try(out var target, out var why))
        {
            Console.WriteLine(why);
            Environment.Exit(0);
        }
        // What takes long the first time is done before anybody counts the time.
        if (words.StartsWith("borrow", StringComparison.Ordinal)) target.Calls.Call(new(CallNumber.getpid));
        // Each batch begins with few calls at once, and then with more.
        var room = words.StartsWith("borrow-row", StringComparison.Ordinal) ? CallRoom.Map(target.Mapper, target.Memory).Value : null;
        if (room is not null) target.Calls.CallAll(BatchTests.Calls(1000), new CallsInARow(room));
        Console.WriteLine("attached");
        while (words.StartsWith("borrow-many", StringComparison.Ordinal)) target.Calls.CallAll(BatchTests.Calls(100));
        while (room is not null) target.Calls.CallAll(BatchTests.Calls(1000), new CallsInARow(room));
        while (words.StartsWith("borrow", StringComparison.Ordinal)) target.Calls.Call(new(CallNumber.getpid));
        Environment.Exit(0);
    }
}
