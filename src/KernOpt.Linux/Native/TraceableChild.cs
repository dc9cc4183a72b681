using System.Collections;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using KernOpt.Target;

namespace KernOpt.Linux.Native;

/// <summary>
/// A child that may be traced by this process. It is not started by System.Diagnostics.Process, which waits for its children by waitpid(2) whenever any
/// child changes state: for a traced child that takes the report of a stop away from the tracer, and takes the stop for the child's exit.
/// The child has our environment, no signal ignored or blocked, and only the standard streams. It runs on when we end.
/// </summary>
public sealed partial class TraceableChild
{
    private static readonly ConcurrentDictionary<int, StopReport> Ends = new();

    private TraceableChild(int pid)
    {
        Pid = pid;
        Exit = Task.Factory.StartNew(AwaitEnd, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public int Pid { get; }

    /// <summary>The exit status, or 128 and the signal that ended it.</summary>
    public Task<int> Exit { get; }

    /// <summary>
    /// Starts a command, which is looked for in PATH when it holds no slash. Descriptors other than -1 become its standard input and output; the caller
    /// still owns them. In a process group of its own it does not get the signals of the terminal's keys. Refused with <see cref="Reasons.LaunchFailed"/>.
    /// </summary>
    public static Outcome<TraceableChild> Spawn(IReadOnlyList<string> command, string? workingDirectory = null, int standardInput = -1, int standardOutput = -1, bool hasOwnGroup = false)
    {
        if (command.Count == 0) return Reasons.LaunchFailed.With("the command is empty");
        using var plan = new SpawnPlan(hasOwnGroup);
        if (workingDirectory is not null) plan.ChangeDirectory(workingDirectory);
        if (standardInput >= 0) plan.Duplicate(standardInput, 0);
        if (standardOutput >= 0) plan.Duplicate(standardOutput, 1);
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(e => $"{e.Key}={e.Value}").ToList();
        var error = plan.Start(command, environment, out var pid);
        // What it inherits of our own scheduling (OwnTurns) is not meant for it.
        if (error == 0 && Scheduling.Of(pid) is { Policy: Scheduling.Other } inherited) Scheduling.Set(pid, inherited with { Slice = 0 });
        return error == 0 ? new TraceableChild(pid) : Reasons.LaunchFailed.With($"{command[0]}: {Errno.Describe(error)}");
    }

    /// <summary>Keeps how a thread ended of which a tracer collected the report, for the case that it is a child of ours.</summary>
    internal static void NoteEnd(int pid, StopReport report)
    {
        if (report.Kind is StopKind.Exited or StopKind.Killed) Ends[pid] = report;
    }

    private int AwaitEnd()
    {
        var descriptor = SystemCall.OpenProcess(Pid);
        while (SystemCall.Poll(descriptor, -1) == -Errno.Interrupted) { }
        SystemCall.Close(descriptor);
        var report = TracerThread.Poll(Pid) is { HasEnded: true, Kind: not StopKind.Gone } own ? own : StopReport.Gone;
        if (Ends.TryRemove(Pid, out var noted)) report = noted;
        return report.Kind == StopKind.Killed ? 128 + report.Code : report.Code;
    }

    /// <summary>posix_spawn(3) with its attributes and file actions; the sizes of those are glibc's for x86-64 (336 and 80 bytes).</summary>
    private sealed unsafe partial class SpawnPlan : IDisposable
    {
        private const short SetProcessGroup = 2, SetSignalDefaults = 4, SetSignalMask = 8;

        private readonly byte* attributes = (byte*)NativeMemory.AllocZeroed(512);
        private readonly byte* actions = (byte*)NativeMemory.AllocZeroed(256);
        private int firstError;

        public SpawnPlan(bool hasOwnGroup)
        {
            var signals = stackalloc byte[128];   // sigset_t
            Note(posix_spawnattr_init(attributes));
            Note(posix_spawn_file_actions_init(actions));
            // The group that an initialized attribute names is the child's own.
            Note(posix_spawnattr_setflags(attributes, (short)(SetSignalDefaults | SetSignalMask | (hasOwnGroup ? SetProcessGroup : 0))));
            new Span<byte>(signals, 128).Clear();
            Note(posix_spawnattr_setsigmask(attributes, signals));
            new Span<byte>(signals, 128).Fill(0xff);
            Note(posix_spawnattr_setsigdefault(attributes, signals));
        }

        public void ChangeDirectory(string path)
        {
            fixed (byte* bytes = SystemCall.NullTerminated(path)) Note(posix_spawn_file_actions_addchdir_np(actions, bytes));
        }

        public void Duplicate(int from, int to) => Note(posix_spawn_file_actions_adddup2(actions, from, to));

        public int Start(IReadOnlyList<string> command, IReadOnlyList<string> environment, out int pid)
        {
            pid = 0;
            if (firstError != 0) return firstError;
            var arguments = Vector(command);
            var variables = Vector(environment);
            var started = 0;
            var error = posix_spawnp(&started, arguments[0], actions, attributes, arguments, variables);
            pid = started;
            Free(arguments);
            Free(variables);
            return error;
        }

        public void Dispose()
        {
            Note(posix_spawn_file_actions_destroy(actions));
            Note(posix_spawnattr_destroy(attributes));
            NativeMemory.Free(actions);
            NativeMemory.Free(attributes);
        }

        private void Note(int error)
        {
            if (firstError == 0) firstError = error;
        }

        /// <summary>A null-terminated array of null-terminated strings.</summary>
        private static byte** Vector(IReadOnlyList<string> texts)
        {
            var vector = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < texts.Count; i++) vector[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
            return vector;
        }

        private static void Free(byte** vector)
        {
            for (var i = 0; vector[i] != null; i++) Marshal.FreeCoTaskMem((nint)vector[i]);
            NativeMemory.Free(vector);
        }

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawnattr_init(byte* attributes);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawnattr_destroy(byte* attributes);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawnattr_setflags(byte* attributes, short flags);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawnattr_setsigmask(byte* attributes, byte* signals);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawnattr_setsigdefault(byte* attributes, byte* signals);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawn_file_actions_init(byte* actions);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawn_file_actions_destroy(byte* actions);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawn_file_actions_adddup2(byte* actions, int from, int to);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawn_file_actions_addchdir_np(byte* actions, byte* path);

        [LibraryImport("libc.so.6")]
        private static partial int posix_spawnp(int* pid, byte* file, byte* actions, byte* attributes, byte** arguments, byte** environment);
    }
}
