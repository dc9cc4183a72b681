using System.Runtime.InteropServices;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Validate.Sandboxing;

/// <summary>
/// Starts a program from memory as our child. Not by <see cref="System.Diagnostics.Process"/>: that one waits for its children on a thread of
/// its own and would take away the reports that ptrace gives (wait4(2) reports a tracee's stops to every thread of its tracer).
/// </summary>
internal static unsafe partial class ChildProcess
{
    /// <summary>sizeof(posix_spawn_file_actions_t) is 80 in glibc; more is harmless.</summary>
    private const int FileActionsSize = 256;

    /// <summary>The child's process id. The descriptor is open in it as <paramref name="inheritedAs"/>; its death signal hangs on the calling thread.</summary>
    public static Outcome<int> Start(byte[] program, string name, int descriptor, out int inheritedAs)
    {
        inheritedAs = -1;
        var writable = CreateExecutable(name);
        if (writable < 0) return Failed("memfd_create", writable);
        var written = SystemCall.WriteAt(writable, program, 0);
        // A file that is open for writing cannot be executed (ETXTBSY): only a read-only descriptor is kept.
        var executable = SystemCall.Open($"/proc/self/fd/{writable}", OpenFlags.ReadOnly);
        SystemCall.Close(writable);
        if (written != program.Length) return Failed("write", written);
        if (executable < 0) return Failed("open", executable);
        inheritedAs = executable == 3 ? 4 : 3;
        var error = Spawn(executable, name, descriptor, inheritedAs, out var process);
        SystemCall.Close(executable);
        if (error != 0) return Failed("posix_spawn", error);
        return process;
    }

    private static int CreateExecutable(string name)
    {
        var file = SystemCall.CreateMemoryFile(name, MapFlags.MemoryFileCloseOnExec | MapFlags.MemoryFileExecutable);
        // Linux before 6.3 does not know the flag and makes every memory file executable.
        return file == -Errno.Invalid ? SystemCall.CreateMemoryFile(name, MapFlags.MemoryFileCloseOnExec) : file;
    }

    private static int Spawn(int executable, string name, int descriptor, int inheritedAs, out int process)
    {
        var path = System.Text.Encoding.ASCII.GetBytes($"/proc/self/fd/{executable}\0");
        var first = System.Text.Encoding.ASCII.GetBytes(name + "\0");
        var actions = stackalloc byte[FileActionsSize];
        var environment = stackalloc byte*[1];
        var child = 0;
        // path and first are pinned and end with a zero byte; the argument vector and the environment end with a null.
        fixed (byte* pathBytes = path)
        fixed (byte* firstBytes = first)
        {
            var arguments = stackalloc byte*[2] { firstBytes, null };
            var error = InitializeActions(actions);
            if (error == 0) error = AddDuplicate(actions, descriptor, inheritedAs);
            if (error == 0) error = PosixSpawn(&child, pathBytes, actions, null, arguments, environment);
            _ = DestroyActions(actions);   // glibc's never fails
            process = child;
            return error;
        }
    }

    private static Refusal Failed(string call, long result) => Reasons.SandboxUnavailable.With($"{call}: {Errno.Describe(result)}");

    [LibraryImport("libc.so.6", EntryPoint = "posix_spawn")]
    private static partial int PosixSpawn(int* process, byte* path, byte* actions, void* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc.so.6", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitializeActions(byte* actions);

    [LibraryImport("libc.so.6", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddDuplicate(byte* actions, int from, int to);

    [LibraryImport("libc.so.6", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int DestroyActions(byte* actions);
}
